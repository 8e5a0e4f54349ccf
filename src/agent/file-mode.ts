// The mode of a file as `ls -l` writes it, which is how /files/browse shows it (spec/mesos.md 4.4).
import { constants, type Stats } from 'node:fs'

const KINDS: Readonly<Record<number, string>> = {
  [constants.S_IFDIR]: 'd',
  [constants.S_IFLNK]: 'l',
  [constants.S_IFIFO]: 'p',
  [constants.S_IFSOCK]: 's',
  [constants.S_IFBLK]: 'b',
  [constants.S_IFCHR]: 'c',
}

export function modeText({ mode }: Pick<Stats, 'mode'>): string {
  const bits = Array.from('rwxrwxrwx', (letter, index) => ((mode >> (8 - index)) & 1 ? letter : '-'))
  return (KINDS[mode & constants.S_IFMT] ?? '-') + bits.join('')
}

/** The number that such a text stands for. */
export function modeOf(text: string): number {
  const kind = Object.entries(KINDS).find(([, letter]) => letter === text[0])?.[0]
  const bits = Array.from(text.slice(1), (letter) => (letter === '-' ? '0' : '1')).join('')
  return (kind === undefined ? constants.S_IFREG : Number(kind)) | Number.parseInt(bits, 2)
}
