// Reads exact numbers of bytes from a stream of pieces, and tells when it ends too early.

export class ByteReader {
  readonly #pieces: AsyncIterator<Uint8Array>
  #held: Uint8Array = new Uint8Array(0)
  #ended = false

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]()
  }

  /** Exactly `count` bytes, kept whole; fewer, perhaps none, only at the end of the stream. */
  async read(count: number): Promise<Buffer> {
    const parts: Uint8Array[] = []
    for (let missing = count; missing > 0; ) {
      const part = await this.#upTo(missing)
      if (part === undefined) break
      parts.push(part)
      missing -= part.length
    }
    const [only] = parts
    return parts.length === 1 && only !== undefined
      ? Buffer.from(only.buffer, only.byteOffset, only.length)
      : Buffer.concat(parts)
  }

  /** The next bytes as they come, `count` at most, and fewer only at the end of the stream. */
  async *stream(count: number): AsyncGenerator<Uint8Array> {
    for (let missing = count; missing > 0; ) {
      const part = await this.#upTo(missing)
      if (part === undefined) return
      missing -= part.length
      yield part
    }
  }

  /** Reads to the end, so that whoever makes the bytes can say whether they were whole. */
  async drain(): Promise<void> {
    while ((await this.#upTo(Number.POSITIVE_INFINITY)) !== undefined);
  }

  /** Lets the maker of the bytes stop. */
  async close(): Promise<void> {
    this.#ended = true
    await this.#pieces.return?.()
  }

  async #upTo(count: number): Promise<Uint8Array | undefined> {
    while (this.#held.length === 0) {
      if (this.#ended) return undefined
      const next = await this.#pieces.next()
      if (next.done === true) {
        this.#ended = true
        return undefined
      }
      this.#held = next.value
    }
    const part = this.#held.subarray(0, count)
    this.#held = this.#held.subarray(part.length)
    return part
  }
}
