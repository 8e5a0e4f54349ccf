/**
 * RecordIO, the framing of all streams: the length of a record in decimal digits, a newline, the record, and nothing
 * behind it (spec/mesos.md 2.1).
 */
import { OperatingError } from '../base/errors.ts'

export interface RecordLimits {
  /** Most digits of a length; 20 are all that an unsigned 64-bit length can have. */
  readonly headerDigits: number
  /** Most bytes of one record. */
  readonly recordBytes: number
}

/** 64 MiB holds the offers or the tasks of ten thousand agents in one record. */
export const RECORD_LIMITS: RecordLimits = { headerDigits: 20, recordBytes: 64 * 1024 * 1024 }

const NEWLINE = 0x0a
const encoder = new TextEncoder()

/**
 * Frames one record.
 *
 * @param text the record, usually one line from `encodeMessage`
 * @returns header and record in one piece, to be written as one HTTP chunk (spec/clients.md 1)
 */
export function encodeRecord(text: string): Uint8Array<ArrayBuffer> {
  const record = encoder.encode(text)
  const header = encoder.encode(`${record.length}\n`)
  const framed = new Uint8Array(header.length + record.length)
  framed.set(header)
  framed.set(record, header.length)
  return framed
}

/**
 * Cuts a stream of bytes into records, fed chunk by chunk in whatever sizes they arrive.
 *
 * @example
 * const decoder = new RecordDecoder()
 * for (const record of decoder.push(chunk)) handle(JSON.parse(new TextDecoder().decode(record)))
 * decoder.end()
 */
export class RecordDecoder {
  readonly #limits: RecordLimits
  #digits = ''
  // Bytes of the record that are still to come; undefined while a header is being read.
  #missing: number | undefined
  // What came of the record in earlier chunks; grows with it, so that a claimed length alone costs nothing.
  #kept = new Uint8Array(0)
  #keptBytes = 0
  #count = 0

  constructor(limits: RecordLimits = RECORD_LIMITS) {
    this.#limits = limits
  }

  /**
   * Takes the next bytes.
   *
   * @returns the records that these bytes complete, in order; they may share memory with `chunk`
   * @throws OperatingError PROTOCOL when a header is not a decimal length, LIMIT when a header or record is too long;
   * the decoder is of no use afterwards
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const records: Uint8Array[] = []
    let at = 0
    while (at < chunk.length) {
      if (this.#missing === undefined) at = this.#readHeader(chunk, at)
      if (this.#missing === undefined) break
      const piece = chunk.subarray(at, at + this.#missing)
      at += piece.length
      this.#missing -= piece.length
      if (this.#missing === 0) records.push(this.#complete(piece))
      else this.#keep(piece)
    }
    return records
  }

  /**
   * Says that the stream is over.
   *
   * @throws OperatingError PROTOCOL when it ended inside a header or record
   */
  end(): void {
    const where =
      this.#missing === undefined ? 'in the header of' : `${this.#missing} bytes before the end of`
    if (this.#missing !== undefined || this.#digits !== '')
      throw new OperatingError('PROTOCOL', `The stream ended ${where} record ${this.#count + 1}.`)
  }

  /** Reads digits up to the newline; returns the position behind what it read. */
  #readHeader(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      if (byte === NEWLINE) {
        this.#beginRecord()
        return at + 1
      }
      if (byte < 0x30 || byte > 0x39)
        throw new OperatingError(
          'PROTOCOL',
          `Record ${this.#count + 1} does not begin with its length in decimal digits: found byte ${byte}.`,
        )
      if (this.#digits.length >= this.#limits.headerDigits)
        throw new OperatingError(
          'LIMIT',
          `The length of record ${this.#count + 1} has more than ${this.#limits.headerDigits} digits.`,
        )
      this.#digits += String.fromCharCode(byte)
    }
    return chunk.length
  }

  #beginRecord(): void {
    if (this.#digits === '')
      throw new OperatingError('PROTOCOL', `Record ${this.#count + 1} has an empty line for its length.`)
    const length = Number(this.#digits)
    if (length > this.#limits.recordBytes)
      throw new OperatingError(
        'LIMIT',
        `Record ${this.#count + 1} has ${this.#digits} bytes, but at most ${this.#limits.recordBytes} are taken.`,
      )
    this.#digits = ''
    this.#missing = length
  }

  #keep(piece: Uint8Array): void {
    const bytes = this.#keptBytes + piece.length
    if (bytes > this.#kept.length) {
      const larger = new Uint8Array(Math.min(2 * bytes, bytes + (this.#missing ?? 0)))
      larger.set(this.#kept.subarray(0, this.#keptBytes))
      this.#kept = larger
    }
    this.#kept.set(piece, this.#keptBytes)
    this.#keptBytes = bytes
  }

  #complete(last: Uint8Array): Uint8Array {
    if (this.#keptBytes > 0) this.#keep(last)
    const record = this.#keptBytes > 0 ? this.#kept.subarray(0, this.#keptBytes) : last
    this.#missing = undefined
    this.#kept = new Uint8Array(0)
    this.#keptBytes = 0
    this.#count++
    return record
  }
}

/**
 * Cuts a stream of bytes into records.
 *
 * @param chunks the bytes in any split, e.g. the body of an HTTP response
 * @param limits see `RECORD_LIMITS` for the defaults
 * @throws OperatingError as `RecordDecoder`, also when the stream ends inside a record
 */
export async function* decodeRecords(
  chunks: AsyncIterable<Uint8Array>,
  limits: RecordLimits = RECORD_LIMITS,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new RecordDecoder(limits)
  for await (const chunk of chunks) yield* decoder.push(chunk)
  decoder.end()
}
