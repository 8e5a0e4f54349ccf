// Where the leading master is: the addresses that the user gave, and where they redirect to.
import { OperatingError } from '../base/errors.ts'

/** Follows redirects; goes through the given addresses one by one when an address fails. */
export class Masters {
  readonly #given: readonly URL[]
  #at = 0
  #leader: URL | undefined

  /**
   * @param master `host:port` or `http://host:port`, several joined by commas
   * @throws OperatingError USAGE when an address cannot be understood
   */
  constructor(master: string) {
    this.#given = master.split(',').map((address) => parseAddress(address.trim()))
  }

  /** The URL of a path on the master that is believed to lead. */
  url(path: string): string {
    return new URL(path, this.#leader ?? this.#given[this.#at]).href
  }

  /**
   * Takes a redirect: `//host:port/path`, of which only the address counts.
   *
   * @throws OperatingError PROTOCOL when it names no HTTP address
   */
  follow(location = ''): void {
    const from = this.url('/')
    // Empty, it would name the address that redirects.
    const target = location === '' ? null : URL.parse(location, from)
    if (target?.protocol !== 'http:' || target.host === '')
      throw new OperatingError('PROTOCOL', `${from} redirects to '${location}', which is no HTTP address`)
    this.#leader = new URL(target.origin)
  }

  /** Forgets the leader; without one, goes on to the next given address. */
  failed(): void {
    if (this.#leader === undefined) this.#at = (this.#at + 1) % this.#given.length
    this.#leader = undefined
  }
}

function parseAddress(address: string): URL {
  const url = URL.parse(address.includes('://') ? address : `http://${address}`)
  if (address !== '' && url?.protocol === 'http:' && url.hostname !== '') return new URL(url.origin)
  throw new OperatingError('USAGE', `'${address}' is no address of a master`, {
    hint: 'Give host:port, e.g. 127.0.0.1:5050; several masters are joined by commas',
  })
}
