// The committed files as the tidy test sees them: text, lines, and for TypeScript the parsed tree.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseSync, visitorKeys } from 'oxc-parser'

/** Any node of the tree; which fields it has depends on its type. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

export interface Comment {
  readonly value: string
  readonly start: number
  readonly end: number
}

export interface Source {
  /** From the root, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
  /** Undefined for what is not TypeScript. */
  readonly tree: Tree | undefined
}

export interface Tree {
  readonly program: Node
  readonly comments: readonly Comment[]
  /** Every import, re-export and dynamic import: from where, and at which offset. */
  readonly imports: readonly { readonly from: string; readonly start: number }[]
}

const UNSEEN = new Set(['.git', '.tepui', 'dist', 'node_modules', 'recorded'])
const BINARY = /\.(png|jpg|ico|gz|tgz|tar|zip|woff2?)$/

/** Reads all files under the root but what git ignores. */
export function readSources(root: string): Source[] {
  return walk(root)
    .filter((path) => !BINARY.test(path) && !path.endsWith('.log'))
    .map((path) => sourceOf(relative(root, path), readFileSync(path, 'utf8')))
}

function walk(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !UNSEEN.has(name))
    .sort()
    .flatMap((name) => {
      const path = join(folder, name)
      const stats = statSync(path)
      if (stats.isDirectory()) return walk(path)
      return stats.isFile() ? [path] : []
    })
}

export function sourceOf(path: string, text: string): Source {
  return { path, text, lines: text.split('\n'), tree: /\.tsx?$/.test(path) ? parse(path, text) : undefined }
}

function parse(path: string, text: string): Tree {
  const parsed = parseSync(path, text)
  const mistake = parsed.errors[0]
  if (mistake !== undefined) throw new Error(`${path} cannot be parsed: ${mistake.message}`)
  const program = parsed.program as unknown as Node
  const imports: { from: string; start: number }[] = []
  visit(program, (node) => {
    const source = node['source'] as Node | null | undefined
    if (/^(Import|Export|TSImportType)/.test(node.type) && typeof source?.['value'] === 'string') {
      imports.push({ from: source['value'], start: node.start })
    }
  })
  return { program, comments: parsed.comments, imports }
}

/** Calls `see` with every node and the nodes above it, outermost first. */
export function visit(
  node: Node,
  see: (node: Node, above: readonly Node[]) => void,
  above: readonly Node[] = [],
): void {
  see(node, above)
  const inside = [...above, node]
  for (const key of visitorKeys[node.type] ?? []) {
    for (const child of [node[key]].flat() as (Node | null | undefined)[]) {
      if (child !== null && child !== undefined) visit(child, see, inside)
    }
  }
}

/** Counted from 1. */
export function lineAt(source: Source, offset: number): number {
  return source.text.slice(0, offset).split('\n').length
}

/** The name of an identifier, of another node the empty string. */
export function nameOf(node: Node | undefined): string {
  const name = node?.['name']
  return typeof name === 'string' ? name : ''
}
