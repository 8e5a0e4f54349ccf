// The last bytes of what somebody prints, for messages.

export class Tail {
  readonly #maxBytes: number
  #kept = Buffer.alloc(0)

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  take(chunk: Uint8Array): void {
    const all = Buffer.concat([this.#kept, chunk])
    this.#kept = all.subarray(Math.max(0, all.length - this.#maxBytes))
  }

  /** A character that was cut in two shows as U+FFFD. */
  get text(): string {
    return this.#kept.toString('utf8')
  }
}
