// The views of the page in the order in which they are shown, with their addresses and keys.

export interface View {
  readonly name: string
  /** The first part of its address; empty for the overview. */
  readonly path: string
  /** Behind `g`. */
  readonly key: string
  readonly sign: string
}

export const VIEWS: readonly View[] = [
  { name: 'Overview', path: '', key: 'o', sign: '◱' },
  { name: 'Agents', path: 'agents', key: 'a', sign: '▤' },
  { name: 'Tasks', path: 'tasks', key: 't', sign: '▶' },
  { name: 'Lending', path: 'lending', key: 'l', sign: '⇄' },
  { name: 'Frameworks', path: 'frameworks', key: 'f', sign: '❖' },
  { name: 'Offers', path: 'offers', key: 'p', sign: '◇' },
  { name: 'Events', path: 'events', key: 'e', sign: '≡' },
  { name: 'Run', path: 'run', key: 'r', sign: '+' },
  { name: 'Each', path: 'each', key: 'h', sign: '∀' },
  { name: 'About', path: 'about', key: 'b', sign: 'i' },
]
