// Content negotiation: which media types and codings a client takes, as Mesos reads its headers (spec/mesos.md 2.1).

interface Wish {
  readonly name: string
  readonly quality: number
}

// A header has at most 16 KiB, but nobody lists more than a handful.
const MOST_WISHES = 64

function wishes(header: string): Wish[] {
  const found: Wish[] = []
  for (const part of header.split(',', MOST_WISHES)) {
    const [name = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase())
    if (name === '') continue
    const quality = parameters.find((parameter) => /^q\s*=/.test(parameter))
    const value = quality === undefined ? 1 : Number(quality.slice(quality.indexOf('=') + 1))
    // A quality that is no number says nothing, so it does not exclude.
    found.push({ name, quality: Number.isNaN(value) ? 1 : value })
  }
  return found
}

function allowed(list: readonly Wish[], candidates: readonly string[]): boolean {
  // The most specific entry decides: `text/*;q=0, */*` takes everything but text.
  for (const candidate of candidates) {
    const wish = list.find(({ name }) => name === candidate)
    if (wish !== undefined) return wish.quality > 0
  }
  return false
}

/**
 * Says whether an `Accept` header allows a media type: a missing or empty header allows everything, `*` and `type/*`
 * ranges and `q=0` are honoured.
 *
 * @param header the value of the last `Accept` header, if any
 * @param mediaType bare and in lower case, e.g. `application/json`
 */
export function acceptsMedia(header: string | undefined, mediaType: string): boolean {
  if (header === undefined || header.trim() === '') return true
  const family = mediaType.slice(0, mediaType.indexOf('/'))
  return allowed(wishes(header), [mediaType, `${family}/*`, '*/*'])
}

/** Says whether an `Accept-Encoding` header asks for a coding; a missing header asks for none. */
export function acceptsCoding(header: string | undefined, coding: string): boolean {
  return header !== undefined && allowed(wishes(header), [coding, '*'])
}
