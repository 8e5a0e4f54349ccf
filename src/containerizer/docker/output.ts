// What a container prints: the attached stream, taken apart into the sandbox's `stdout` and `stderr`, with rotation.
import { closeSync, constants, fstatSync, futimesSync, openSync, renameSync, writev } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { OperatingError } from '../../base/errors.ts'
import { keepHead } from '../kept-head.ts'
import { type KeptOutput, readKept } from './kept.ts'
import type { StreamName } from './log-text.ts'

/** The engine's frame: a byte for the stream (2 is stderr), three zeros, four bytes of length, then the payload. */
const HEADER_BYTES = 8
const STDERR = 2

// What a task prints may have to wait for the disk; opening and closing its files costs less than a hop to a thread.
const writeParts = promisify(writev)

// The task owns the folder: it may have put a link, a pipe or a device where our file should be.
const OPEN_FLAGS =
  constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK

export interface OutputOptions {
  readonly sandbox: string
  /** A file is put aside as `.1` (in place of an older one) before it grows beyond this. */
  readonly maxBytes: number
  /** Of its beginning, what is kept for good when it is put aside the first time. */
  readonly headBytes: number
  /** Called once when a file can no longer be written. What is printed then is dropped: the task must not hang. */
  readonly onTrouble: (error: unknown) => void
}

/** Where the pieces of output go; one call at a time for each stream. */
export interface OutputSink {
  take(stream: StreamName, parts: readonly Buffer[]): Promise<void>
}

export class SandboxOutput implements Disposable, OutputSink {
  readonly #sandbox: string
  readonly #files: Readonly<Record<StreamName, RotatingFile>> | undefined
  readonly #onTrouble: (error: unknown) => void
  #hadTrouble = false

  private constructor(options: OutputOptions, files?: Readonly<Record<StreamName, RotatingFile>>) {
    this.#sandbox = options.sandbox
    this.#files = files
    this.#onTrouble = options.onTrouble
  }

  /** Both files exist afterwards; what they held stays. Throws `OperatingError` (FILE). */
  static open(options: OutputOptions): SandboxOutput {
    const stdout = new RotatingFile(join(options.sandbox, 'stdout'), options)
    try {
      const stderr = new RotatingFile(join(options.sandbox, 'stderr'), options)
      return new SandboxOutput(options, { stdout, stderr })
    } catch (error) {
      stdout.close()
      throw error
    }
  }

  /** Drops what is printed. */
  static nowhere(options: OutputOptions): SandboxOutput {
    return new SandboxOutput(options)
  }

  /**
   * Copies until the stream ends or breaks, reading no faster than the files can be written. Never rejects.
   *
   * @param raw true for a terminal, whose output has no frames and is all standard output
   * @param sink what takes the pieces in place of the files
   */
  async follow(stream: AsyncIterable<Buffer>, raw: boolean, sink: OutputSink = this): Promise<void> {
    const frames = new Frames()
    try {
      for await (const chunk of stream) {
        if (raw) await sink.take('stdout', [chunk])
        else {
          const { stdout, stderr } = frames.take(chunk)
          if (stdout.length > 0) await sink.take('stdout', stdout)
          if (stderr.length > 0) await sink.take('stderr', stderr)
        }
      }
    } catch (error) {
      // A broken stream is the engine's end, which whoever waits for the container learns with its reason.
      if (error instanceof OperatingError && error.code === 'PROTOCOL') this.#onTrouble(error)
    }
  }

  /** To be called when nothing is copied any more. */
  [Symbol.dispose](): void {
    this.#files?.stdout.close()
    this.#files?.stderr.close()
  }

  /** The end of what the files hold. */
  kept(stream: StreamName): KeptOutput {
    return readKept(join(this.#sandbox, stream))
  }

  /** Says when what was written last was printed, wall time in ms; else it counts as printed when it was written. */
  stamp(stream: StreamName, at: number): void {
    this.#files?.[stream].stamp(at)
  }

  /** Never rejects. */
  async take(stream: StreamName, parts: readonly Buffer[]): Promise<void> {
    try {
      await this.#files?.[stream].write(parts)
    } catch (error) {
      if (!this.#hadTrouble) this.#onTrouble(error)
      this.#hadTrouble = true
    }
  }
}

/** Takes frames apart, wherever the chunks are cut, without copying payloads. */
export class Frames {
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerBytes = 0
  #payloadLeft = 0
  #isStderr = false

  take(chunk: Buffer): { stdout: Buffer[]; stderr: Buffer[] } {
    const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
    let at = 0
    while (at < chunk.length) {
      if (this.#payloadLeft === 0) {
        at += this.#takeHeader(chunk, at)
        continue
      }
      const part = chunk.subarray(at, at + this.#payloadLeft)
      ;(this.#isStderr ? parts.stderr : parts.stdout).push(part)
      at += part.length
      this.#payloadLeft -= part.length
    }
    return parts
  }

  #takeHeader(chunk: Buffer, at: number): number {
    const copied = chunk.copy(this.#header, this.#headerBytes, at, at + HEADER_BYTES - this.#headerBytes)
    this.#headerBytes += copied
    if (this.#headerBytes < HEADER_BYTES) return copied
    if ((this.#header[0] ?? 0) > STDERR || this.#header.readUIntBE(1, 3) !== 0)
      throw new OperatingError(
        'PROTOCOL',
        `The engine's output has a frame that begins with ${this.#header.toString('hex')}`,
      )
    this.#headerBytes = 0
    this.#isStderr = this.#header[0] === STDERR
    this.#payloadLeft = this.#header.readUInt32BE(4)
    return copied
  }
}

type Sizes = Pick<OutputOptions, 'headBytes' | 'maxBytes'>

class RotatingFile {
  readonly #path: string
  readonly #sizes: Sizes
  #file: number
  #bytes: number
  #writing = false
  #closed = false

  constructor(path: string, sizes: Sizes) {
    this.#path = path
    this.#sizes = sizes
    const { file, bytes } = openPlainFile(path)
    this.#file = file
    this.#bytes = bytes
  }

  /** What comes after the close is dropped. One write at a time. */
  async write(parts: readonly Buffer[]): Promise<void> {
    if (this.#closed) return
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    const isFull = this.#bytes > 0 && this.#bytes + length > this.#sizes.maxBytes
    const trouble = isFull ? this.#rotate() : undefined
    this.#bytes += length
    this.#writing = true
    try {
      // A write to a file may be short when the disk is full; the next one then fails with the reason.
      let rest: readonly Buffer[] = parts
      while (rest.length > 0) {
        const { bytesWritten } = await writeParts(this.#file, rest as Buffer[])
        rest = after(rest, bytesWritten)
      }
    } finally {
      this.#writing = false
      if (this.#closed) closeSync(this.#file)
    }
    if (trouble !== undefined) throw trouble
  }

  stamp(at: number): void {
    if (!this.#closed) futimesSync(this.#file, at / 1000, at / 1000)
  }

  /** Waits for a write under way: its number may belong to another file as soon as this one is closed. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (!this.#writing) closeSync(this.#file)
  }

  /** @returns what kept its beginning from being kept */
  #rotate(): Error | undefined {
    const trouble = this.#keepHead()
    try {
      renameSync(this.#path, `${this.#path}.1`)
    } catch (error) {
      // The task may have removed its own output.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    }
    const { file, bytes } = openPlainFile(this.#path)
    closeSync(this.#file)
    this.#file = file
    this.#bytes = bytes
    return trouble
  }

  #keepHead(): Error | undefined {
    const reader = openSync(`/proc/self/fd/${this.#file}`, constants.O_RDONLY)
    try {
      return keepHead(reader, this.#path, this.#sizes.headBytes, undefined)
    } finally {
      closeSync(reader)
    }
  }
}

/** What is left of the parts behind the first `bytes` of them. */
function after(parts: readonly Buffer[], bytes: number): readonly Buffer[] {
  let left = bytes
  const rest: Buffer[] = []
  for (const part of parts) {
    if (left >= part.length) left -= part.length
    else {
      rest.push(part.subarray(left))
      left = 0
    }
  }
  return rest
}

function openPlainFile(path: string): { file: number; bytes: number } {
  let file: number | undefined
  try {
    file = openSync(path, OPEN_FLAGS, 0o644)
    const about = fstatSync(file)
    if (!about.isFile()) throw new Error('it is not a plain file')
    return { file, bytes: about.size }
  } catch (error) {
    if (file !== undefined) closeSync(file)
    throw new OperatingError('FILE', `Cannot write ${path}`, { cause: error })
  }
}
