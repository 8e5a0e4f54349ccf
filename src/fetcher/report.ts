// What is told of a fetch while it goes on and when it is over: bytes, rate, answer, cache, seconds.
import type { Clock } from '../base/clock.ts'
import { humanBytes } from '../base/units.ts'
import type { Unpacked } from './archive/unpack.ts'
import type { Loaded } from './source.ts'

export type CacheUse = 'hit' | 'shared' | 'loaded' | 'bypassed'

/** One URI of one task, as `/api/x1/fetch` shows it. */
export interface FetchReport {
  /** Without user and password. */
  readonly uri: string
  readonly container_id: string
  /** Wall time of its begin, s. */
  readonly at: number
  readonly seconds: number
  readonly bytes: number
  readonly status?: string
  readonly cache?: CacheUse
  /** Why the cache was not used. */
  readonly bypass?: string
  readonly retries: number
  readonly resumes: number
  readonly unpacked?: Unpacked
  readonly error?: string
}

const EVERY_MS = 1000

/** Follows one URI; says something once a second, and at its end. */
export class Telling {
  bytes = 0
  status: string | undefined
  cache: CacheUse | undefined
  bypass: string | undefined
  unpacked: Unpacked | undefined
  error: string | undefined
  retries = 0
  resumes = 0
  readonly #clock: Clock
  readonly #uri: string
  readonly #containerId: string
  readonly #say: (sentence: string) => void
  readonly #at: number
  readonly #begun: number
  #saidAt: number
  #saidBytes = 0

  constructor(clock: Clock, uri: string, containerId: string, say: (sentence: string) => void) {
    this.#clock = clock
    this.#uri = uri
    this.#containerId = containerId
    this.#say = say
    this.#at = clock.now() / 1000
    this.#begun = clock.monotonic()
    this.#saidAt = this.#begun
  }

  progress(bytes: number, total: number | undefined): void {
    this.bytes = bytes
    const now = this.#clock.monotonic()
    if (now - this.#saidAt < EVERY_MS) return
    const rate = rateText(Math.max(0, bytes - this.#saidBytes), now - this.#saidAt)
    const of = total === undefined ? '' : ` of ${humanBytes(total)}`
    this.#say(`Fetching ${this.#uri}: ${humanBytes(bytes)}${of}, ${rate}`)
    this.#saidAt = now
    this.#saidBytes = bytes
  }

  retry(reason: string, waitMs: number): void {
    this.retries++
    this.#say(`Fetching ${this.#uri}: ${reason}; again in ${(waitMs / 1000).toFixed(1)} s`)
  }

  loaded({ resumes, retries, status }: Loaded): void {
    this.status = status
    this.retries = retries
    this.resumes = resumes
  }

  done(): void {
    this.#say(this.#line())
  }

  get report(): FetchReport {
    const { bypass, bytes, cache, error, resumes, retries, status, unpacked } = this
    return {
      uri: this.#uri,
      container_id: this.#containerId,
      at: this.#at,
      seconds: Math.round(this.#clock.monotonic() - this.#begun) / 1000,
      bytes,
      retries,
      resumes,
      ...(status !== undefined && { status }),
      ...(cache !== undefined && { cache }),
      ...(bypass !== undefined && { bypass }),
      ...(unpacked !== undefined && { unpacked }),
      ...(error !== undefined && { error }),
    }
  }

  /** `Fetched URI: 40.0 MiB, HTTP 200, in 2.1 s (19.0 MiB/s); …`. */
  #line(): string {
    const ms = this.#clock.monotonic() - this.#begun
    const parts = [humanBytes(this.bytes)]
    if (this.status !== undefined) parts.push(this.status)
    if (this.cache !== undefined) parts.push(CACHE_WORDS[this.cache])
    parts.push(`in ${(ms / 1000).toFixed(2)} s (${rateText(this.bytes, ms)})`)
    const more: string[] = []
    if (this.retries > 0) more.push(`${this.retries} failed attempts, ${this.resumes} resumed`)
    if (this.bypass !== undefined) more.push(`not cached: ${this.bypass}`)
    if (this.unpacked !== undefined)
      more.push(`unpacked ${this.unpacked.entries} entries, ${humanBytes(this.unpacked.bytes)}`)
    return [`Fetched ${this.#uri}: ${parts.join(', ')}`, ...more].join('; ')
  }
}

const CACHE_WORDS: Readonly<Record<CacheUse, string>> = {
  hit: 'from the cache',
  shared: "by another task's download",
  loaded: 'into the cache',
  bypassed: 'past the cache',
}

function rateText(bytes: number, ms: number): string {
  return `${humanBytes(Math.round((bytes / Math.max(1, ms)) * 1000))}/s`
}
