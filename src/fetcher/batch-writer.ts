// Writes pieces to a file in large batches, one of them under way while the next is gathered.
import type { FileHandle } from 'node:fs/promises'

const BATCH_BYTES = 1024 * 1024

export class BatchWriter {
  /** Where the next piece goes; to be set before the first one. */
  position = 0
  readonly #file: FileHandle
  #held: Uint8Array[] = []
  #heldBytes = 0
  #underWay: Promise<void> = Promise.resolve()

  constructor(file: FileHandle) {
    this.#file = file
  }

  /** Resolves at once most of the time; else when the batch before this one is written. */
  async write(piece: Uint8Array): Promise<void> {
    this.#held.push(piece)
    this.#heldBytes += piece.length
    if (this.#heldBytes >= BATCH_BYTES) await this.#send()
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    await this.#send()
    await this.#underWay
  }

  async #send(): Promise<void> {
    await this.#underWay
    const pieces = this.#held
    this.#held = []
    this.#heldBytes = 0
    if (pieces.length === 0) return
    this.#underWay = this.#store(pieces)
    // Whoever waits for it next is told; until then nobody may call it unhandled.
    this.#underWay.catch((error: unknown) => void error)
  }

  async #store(pieces: readonly Uint8Array[]): Promise<void> {
    let left = pieces
    while (left.length > 0) {
      const { bytesWritten } = await this.#file.writev(left, this.position)
      this.position += bytesWritten
      left = rest(left, bytesWritten)
    }
  }
}

/** What is left of the pieces after so many bytes. */
function rest(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let done = bytes
  const left: Uint8Array[] = []
  for (const piece of pieces) {
    if (done < piece.length) left.push(done > 0 ? piece.subarray(done) : piece)
    done = Math.max(0, done - piece.length)
  }
  return left
}
