/**
 * Large pages that several ask for while nothing changes: written once for all of them. Nobody gets a page from before
 * what he has seen happen, since every change makes another version.
 */
import { pageBytes } from './page-text.ts'
import type { Page } from './resources.ts'

/** Different pages, by their queries, that are kept of one version. */
const MOST_PAGES = 8

export class SharedPages {
  readonly #version: () => number
  readonly #onHit: () => void
  readonly #pages = new Map<string, Promise<readonly Uint8Array[]>>()
  #of = -1

  /**
   * @param version changes whenever a page may have changed
   * @param onHit told whenever a page did not have to be written
   */
  constructor(version: () => number, onHit: () => void) {
    this.#version = version
    this.#onHit = onHit
  }

  /** @param key of the page with all that it was asked for */
  bytes(key: string, make: () => Page): Promise<readonly Uint8Array[]> {
    const version = this.#version()
    if (version !== this.#of) this.#pages.clear()
    this.#of = version
    const known = this.#pages.get(key)
    if (known !== undefined) {
      this.#onHit()
      return known
    }
    const made = pageBytes(make())
    if (this.#pages.size < MOST_PAGES) this.#pages.set(key, made)
    return made
  }
}
