// Tar archives made by hand, so that they can be as wrong as an enemy's.

export interface TarPart {
  readonly name: string
  /** Default: a file. */
  readonly type?: string
  readonly data?: string | Buffer
  readonly linkName?: string
  readonly mode?: number
  /** When it is not the length of `data`. */
  readonly size?: number
  /** In place of a sound checksum. */
  readonly checksum?: string
  /** In place of the octal digits of the size. */
  readonly sizeField?: Buffer
  readonly gnu?: boolean
}

const BLOCK = 512

/** The blocks of one entry, without the end mark. */
export function tarPart(part: TarPart): Buffer {
  const data = Buffer.from(part.data ?? '')
  const block = Buffer.alloc(BLOCK)
  block.write(part.name, 0, 100)
  block.write(octal(part.mode ?? 0o644, 7), 100)
  block.write(octal(0, 7), 108)
  block.write(octal(0, 7), 116)
  block.write(octal(part.size ?? data.length, 11), 124)
  part.sizeField?.copy(block, 124)
  block.write(octal(1_700_000_000, 11), 136)
  block.write(part.type ?? '0', 156, 'latin1')
  block.write(part.linkName ?? '', 157, 100)
  block.write(part.gnu === true ? 'ustar  \0' : 'ustar\x0000', 257, 'latin1')
  block.fill(' ', 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(part.checksum ?? `${octal(sum, 6)}\0 `, 148, 8, 'latin1')
  return Buffer.concat([block, data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)])
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0')

export const END_MARK = Buffer.alloc(2 * BLOCK)

export function tar(...parts: readonly TarPart[]): Buffer {
  return Buffer.concat([...parts.map(tarPart), END_MARK])
}

/** The body of a pax header with sound lengths. */
export function pax(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([key, value]) => {
      const rest = ` ${key}=${value}\n`
      const bytes = Buffer.byteLength(rest)
      let length = bytes + String(bytes).length
      if (bytes + String(length).length !== length) length++
      return `${length}${rest}`
    })
    .join('')
}
