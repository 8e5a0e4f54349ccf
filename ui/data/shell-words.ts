// Words as a shell takes them, for the command lines that the page shows. Pure.

const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`

export const shellLine = (words: readonly string[]): string => words.map(quoted).join(' ')
