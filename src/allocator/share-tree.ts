/**
 * A tree of clients kept in the order of their dominant shares (spec/mesos.md 12.4): among siblings the smaller share
 * comes first, then who was given to less often, then the lexicographically smaller path.
 */
import { assert } from '../base/errors.ts'
import type { Quantities } from '../resources/quantities.ts'
import { byCodeUnits } from '../resources/value.ts'

/** What there is to share, the same for all trees; the version changes with every change of it or of a weight. */
export interface Pool {
  readonly totals: Quantities
  readonly weights: ReadonlyMap<string, number>
  /** Names that do not count for shares. */
  readonly excluded: ReadonlySet<string>
  readonly version: number
}

/** Name of the leaf under a node that is a client itself and may also have clients below. */
const VIRTUAL = '.'

interface Node {
  readonly path: string
  readonly name: string
  readonly parent: Node | undefined
  /** In order of shares unless the tree is stale. */
  readonly children: Node[]
  /** Set on leaves only. */
  readonly client: string | undefined
  active: boolean
  /** Active leaves in this subtree, itself included. */
  activeLeaves: number
  /** Thousandths by name, of the whole subtree. */
  readonly held: Map<string, number>
  /** How often something was given to it since it was added; never decreased. */
  given: number
  share: number
}

export class ShareTree {
  readonly #pool: Pool
  readonly #hierarchical: boolean
  readonly #root = newNode('', '', undefined, undefined)
  readonly #leaves = new Map<string, Node>()
  #version: number

  /** @param hierarchical whether `/` in a client's name parts it into levels. */
  constructor(pool: Pool, hierarchical: boolean) {
    this.#pool = pool
    this.#hierarchical = hierarchical
    this.#version = pool.version
  }

  get activeLeaves(): number {
    return this.#root.activeLeaves
  }

  get size(): number {
    return this.#leaves.size
  }

  get clients(): readonly string[] {
    return [...this.#leaves.keys()]
  }

  has(client: string): boolean {
    return this.#leaves.has(client)
  }

  /** Adds a client, not active yet. */
  add(client: string): void {
    assert(!this.has(client), `'${client}' is already in the tree of shares`)
    const parent = this.#hierarchical ? this.#branch(client) : this.#root
    const leaf = this.#child(parent, this.#hierarchical ? VIRTUAL : client, client)
    this.#leaves.set(client, leaf)
  }

  /** Removes a client that holds nothing. */
  remove(client: string): void {
    const leaf = this.#leaf(client)
    assert(leaf.held.size === 0, `'${client}' is removed though it still holds something`)
    this.setActive(client, false)
    this.#leaves.delete(client)
    let node: Node = leaf
    while (node.parent !== undefined && node.children.length === 0) {
      node.parent.children.splice(node.parent.children.indexOf(node), 1)
      node = node.parent
    }
  }

  setActive(client: string, active: boolean): void {
    const leaf = this.#leaf(client)
    if (leaf.active === active) return
    leaf.active = active
    for (let node: Node | undefined = leaf; node !== undefined; node = node.parent) {
      node.activeLeaves += active ? 1 : -1
    }
  }

  give(client: string, quantities: Quantities): void {
    this.#change(client, quantities, 1)
  }

  take(client: string, quantities: Quantities): void {
    this.#change(client, quantities, -1)
  }

  holds(client: string): boolean {
    return this.#leaf(client).held.size > 0
  }

  /** What a client holds itself. */
  held(client: string): Quantities {
    return this.#leaf(client).held
  }

  /** What a client and all below it hold, and their share of the pool. */
  subtree(client: string): { readonly held: Quantities; readonly share: number } {
    this.#refresh()
    const leaf = this.#leaf(client)
    const node = this.#hierarchical ? (leaf.parent ?? leaf) : leaf
    return { held: node.held, share: node.share }
  }

  /**
   * Calls with the active clients in order until one call answers true.
   * The tree must not be changed meanwhile.
   */
  visit(fn: (client: string) => boolean): boolean {
    this.#refresh()
    return visitNode(this.#root, fn)
  }

  /** Broken invariants as sentences. */
  check(): readonly string[] {
    this.#refresh()
    return checkNode(this.#root)
  }

  #leaf(client: string): Node {
    const leaf = this.#leaves.get(client)
    if (leaf === undefined) assert(false, `'${client}' is not in the tree of shares`)
    return leaf
  }

  #branch(client: string): Node {
    let node = this.#root
    let path = ''
    for (const name of client.split('/')) {
      path = path === '' ? name : `${path}/${name}`
      node = node.children.find((child) => child.name === name) ?? this.#child(node, name, undefined)
    }
    return node
  }

  #child(parent: Node, name: string, client: string | undefined): Node {
    const path = parent === this.#root ? name : `${parent.path}/${name}`
    const node = newNode(path, name, parent, client)
    parent.children.splice(placeOf(parent.children, node), 0, node)
    return node
  }

  #change(client: string, quantities: Quantities, sign: 1 | -1): void {
    const leaf = this.#leaf(client)
    const fresh = this.#version === this.#pool.version
    for (let node: Node | undefined = leaf; node !== undefined; node = node.parent) {
      const siblings: Node[] | undefined = node.parent?.children
      if (fresh) siblings?.splice(placeOf(siblings, node), 1)
      for (const [name, milli] of quantities) {
        const sum = (node.held.get(name) ?? 0) + sign * milli
        if (sum < 0)
          assert(false, `'${client}' gives back more ${name} than it holds: ${sum / 1000} would remain`)
        if (sum === 0) node.held.delete(name)
        else node.held.set(name, sum)
      }
      if (sign > 0) node.given++
      if (fresh) {
        node.share = this.#shareOf(node)
        siblings?.splice(placeOf(siblings, node), 0, node)
      }
    }
  }

  #refresh(): void {
    if (this.#version === this.#pool.version) return
    this.#version = this.#pool.version
    this.#resort(this.#root)
  }

  #resort(node: Node): void {
    node.share = this.#shareOf(node)
    for (const child of node.children) this.#resort(child)
    node.children.sort(inOrder)
  }

  #shareOf(node: Node): number {
    let share = 0
    for (const [name, milli] of node.held) {
      const total = this.#pool.totals.get(name) ?? 0
      if (total > 0 && !this.#pool.excluded.has(name)) share = Math.max(share, milli / total)
    }
    return share / (this.#pool.weights.get(node.path) ?? 1)
  }
}

function newNode(path: string, name: string, parent: Node | undefined, client: string | undefined): Node {
  return {
    path,
    name,
    parent,
    client,
    children: [],
    active: false,
    activeLeaves: 0,
    held: new Map(),
    given: 0,
    share: 0,
  }
}

function inOrder(a: Node, b: Node): number {
  return a.share - b.share || a.given - b.given || byCodeUnits(a.path, b.path)
}

/** Where a node is, or belongs, among ordered siblings. */
function placeOf(siblings: readonly Node[], node: Node): number {
  let low = 0
  let high = siblings.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (inOrder(siblings[middle] as Node, node) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function visitNode(node: Node, fn: (client: string) => boolean): boolean {
  if (node.activeLeaves === 0) return false
  if (node.client !== undefined) return fn(node.client)
  for (const child of node.children) if (visitNode(child, fn)) return true
  return false
}

function checkNode(node: Node): readonly string[] {
  const broken: string[] = []
  const sums = new Map<string, number>()
  let active = node.active ? 1 : 0
  for (const [index, child] of node.children.entries()) {
    const next = node.children[index + 1]
    if (next !== undefined && inOrder(child, next) >= 0) {
      broken.push(`'${child.path}' stands before '${next.path}' against the order of shares`)
    }
    for (const [name, milli] of child.held) sums.set(name, (sums.get(name) ?? 0) + milli)
    active += child.activeLeaves
    broken.push(...checkNode(child))
  }
  if (active !== node.activeLeaves)
    broken.push(`'${node.path}' counts ${node.activeLeaves} active, not ${active}`)
  if (node.client === undefined) {
    for (const name of new Set([...sums.keys(), ...node.held.keys()])) {
      if (sums.get(name) !== node.held.get(name)) {
        broken.push(
          `'${node.path}' holds ${node.held.get(name)} of ${name}, those below it ${sums.get(name)}`,
        )
      }
    }
  }
  return broken
}
