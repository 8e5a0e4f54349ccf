/**
 * Room on the disk that is the agent's own: a file that takes it from the start, and gives it back piece by piece when
 * the disk is full, so that what the agent has to write down still finds a place.
 */
import { rmSync, statSync, truncateSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { runCommand } from '../base/exec.ts'

/** Given back at a time: whoever filled the disk takes it too. */
const PIECES = 4
const CHUNK_BYTES = 1024 * 1024

export class Reserve {
  readonly #path: string
  readonly wantedBytes: number
  #heldBytes: number
  #filling: Promise<void> | undefined

  /** @param wantedBytes 0 keeps nothing back */
  constructor(path: string, wantedBytes: number) {
    this.#path = path
    this.wantedBytes = wantedBytes
    this.#heldBytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    if (this.#heldBytes > wantedBytes) this.#shrinkTo(wantedBytes)
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Gives a part of it back, at once. Returns the bytes, 0 when there is nothing left. */
  release(): number {
    const before = this.#heldBytes
    this.#shrinkTo(Math.max(0, before - Math.ceil(this.wantedBytes / PIECES)))
    return before - this.#heldBytes
  }

  /** Takes all that is wanted. What the disk does not have is not an error: the part that it has is kept. */
  fill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => (this.#filling = undefined))
    return this.#filling
  }

  async #fill(): Promise<void> {
    const wanted = this.wantedBytes
    if (this.#heldBytes >= wanted) return
    if (!(await this.#allocate(wanted))) await this.#write(wanted)
    this.#heldBytes = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0
  }

  /** Without writing it, where the file system and the machine can. */
  async #allocate(bytes: number): Promise<boolean> {
    try {
      const { exitCode } = await runCommand('fallocate', ['-l', String(bytes), this.#path])
      return exitCode === 0
    } catch {
      // There is no such command here.
      return false
    }
  }

  async #write(bytes: number): Promise<void> {
    const file = await open(this.#path, 'w')
    try {
      const zeros = Buffer.alloc(CHUNK_BYTES)
      for (let at = 0; at < bytes; at += zeros.length)
        await file.write(zeros, 0, Math.min(zeros.length, bytes - at), at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      await file.close()
    }
  }

  #shrinkTo(bytes: number): void {
    if (bytes >= this.#heldBytes) return
    if (bytes === 0) rmSync(this.#path, { force: true })
    else truncateSync(this.#path, bytes)
    this.#heldBytes = bytes
  }
}
