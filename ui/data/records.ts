// RecordIO, the framing of Mesos's streams: the length of a record in bytes, a newline, the record. Pure.

/** Puts pieces of bytes together to records. */
export class RecordReader {
  readonly #decoder = new TextDecoder()
  #bytes = new Uint8Array()

  /** The records that are complete with this piece. @throws Error for what is no stream of records */
  push(piece: Uint8Array): string[] {
    const joined = new Uint8Array(this.#bytes.length + piece.length)
    joined.set(this.#bytes)
    joined.set(piece, this.#bytes.length)
    const records: string[] = []
    let from = 0
    for (;;) {
      const newline = joined.indexOf(0x0a, from)
      if (newline < 0) break
      const header = this.#decoder.decode(joined.subarray(from, newline))
      if (!/^\d{1,12}$/.test(header))
        throw new Error(`The master did not send a length but '${header.slice(0, 40)}'`)
      const end = newline + 1 + Number(header)
      if (end > joined.length) break
      records.push(this.#decoder.decode(joined.subarray(newline + 1, end)))
      from = end
    }
    this.#bytes = joined.slice(from)
    return records
  }
}
