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
