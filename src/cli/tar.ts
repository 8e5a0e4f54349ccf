// Files as one tar archive (POSIX.1-1988 ustar), held in memory: for what a command gathers. Pure.

export interface TarFile {
  /** With slashes between folders, at most 255 bytes, of which the last name takes at most 100. */
  readonly path: string
  readonly bytes: Uint8Array
}

const BLOCK = 512
const MOST_NAME = 100
const MOST_PREFIX = 155

/** @param seconds when they were made, since 1970 */
export function tarOf(files: readonly TarFile[], seconds: number): Buffer {
  const parts = files.flatMap(({ bytes, path }) => {
    const rest = (BLOCK - (bytes.length % BLOCK)) % BLOCK
    return [headerOf(path, bytes.length, seconds), bytes, Buffer.alloc(rest)]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)])
}

function headerOf(path: string, size: number, seconds: number): Buffer {
  const header = Buffer.alloc(BLOCK)
  const [prefix, name] = split(path)
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`
  header.write(name, 0)
  header.write(octal(0o600, 7), 100)
  header.write(octal(0, 7), 108)
  header.write(octal(0, 7), 116)
  header.write(octal(size, 11), 124)
  header.write(octal(Math.floor(seconds), 11), 136)
  // The sum is taken with spaces in its own place.
  header.write(' '.repeat(8), 148)
  header.write('0', 156)
  header.write('ustar\u000000', 257)
  header.write(prefix, 345)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

function split(path: string): readonly [string, string] {
  if (Buffer.byteLength(path) <= MOST_NAME) return ['', path]
  const cut = path.lastIndexOf('/')
  const parts = [path.slice(0, Math.max(0, cut)), path.slice(cut + 1)] as const
  if (Buffer.byteLength(parts[0]) <= MOST_PREFIX && Buffer.byteLength(parts[1]) <= MOST_NAME) return parts
  throw new Error(`The path '${path}' is too long for the archive`)
}
