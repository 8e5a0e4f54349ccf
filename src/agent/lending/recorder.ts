/**
 * Keeps what everybody used, a row each ten seconds, so that `tepui lend replay` can show what another rule would have
 * lent. CSV files in a folder that never grows beyond its limit: the oldest go. Recording must not cost lending
 * anything: one small write each ten seconds, and a full disk is told once and ends nothing.
 */
import { appendFileSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { RECORDING_HEADER, recordingLine } from '../../resources/recording.ts'
import type { ContainerStatistics, ContainerUsage, ResourceUsage } from '../../resources/usage.ts'

const MB = 1024 * 1024

export interface RecorderOptions {
  /** How long one row is about, ms. */
  readonly everyMs: number
  /** A file that has grown to this is followed by a new one, bytes. */
  readonly fileBytes: number
  /** All files together stay below this, bytes. */
  readonly totalBytes: number
}

/** About six days of ten containers, or a day of fifty. */
const DEFAULTS: RecorderOptions = { everyMs: 10_000, fileBytes: 4 * MB, totalBytes: 64 * MB }

/** Each life of the agent begins a file of its own: many short lives shall not make a heap of them. */
const MAX_FILES = 500

/** One container since the last row. */
interface Track {
  /** Counters at the last row. */
  readonly from: ContainerStatistics | undefined
  /** Those of the last snapshot, for the highest second. */
  last: { readonly monotonic: number; readonly cpuSeconds: number } | undefined
  peak: number
}

export class Recorder {
  readonly #folder: string
  readonly #log: Logger
  readonly #options: RecorderOptions
  #tracks = new Map<string, Track>()
  #row: { readonly at: number; readonly monotonic: number; readonly busySeconds: number } | undefined
  #file: { readonly path: string; bytes: number } | undefined
  /** Of the last row that was written: rows never go back in time, whatever somebody does to the clock. */
  #writtenAt = Number.NEGATIVE_INFINITY
  #failing = false

  constructor(folder: string, log: Logger, options: Partial<RecorderOptions> = {}) {
    this.#folder = folder
    this.#log = log
    this.#options = { ...DEFAULTS, ...options }
  }

  /** Told with every snapshot, in order of time. Never throws. */
  add(usage: ResourceUsage): void {
    for (const { containerId, statistics } of usage.containers)
      if (statistics !== undefined) this.#peak(containerId, statistics.cpuSeconds, usage.monotonic)
    const row = this.#row
    if (row !== undefined && usage.monotonic - row.monotonic < this.#options.everyMs) return
    try {
      if (row !== undefined && usage.at > this.#writtenAt) this.#write(usage, this.#linesOf(usage, row))
      this.#failing = false
    } catch (error) {
      this.#file = undefined
      const reason = reasonOf(error)
      if (!this.#failing) this.#log.warn({ folder: this.#folder, reason }, 'usage could not be recorded')
      this.#failing = true
    }
    this.#begin(usage)
  }

  #peak(containerId: string, cpuSeconds: number, monotonic: number): void {
    const track = this.#tracks.get(containerId)
    if (track === undefined) return
    const { last } = track
    if (last !== undefined && monotonic > last.monotonic)
      track.peak = Math.max(
        track.peak,
        ((cpuSeconds - last.cpuSeconds) * 1000) / (monotonic - last.monotonic),
      )
    track.last = { monotonic, cpuSeconds }
  }

  #begin({ at, monotonic, host, containers }: ResourceUsage): void {
    this.#row = { at, monotonic, busySeconds: host.cpuBusySeconds }
    this.#tracks = new Map(
      containers.map(({ containerId, statistics }) => {
        const last = statistics === undefined ? undefined : { monotonic, cpuSeconds: statistics.cpuSeconds }
        return [containerId, { from: statistics, last, peak: 0 }]
      }),
    )
  }

  #linesOf(usage: ResourceUsage, row: { readonly monotonic: number; readonly busySeconds: number }): string {
    const seconds = (usage.monotonic - row.monotonic) / 1000
    const { host } = usage
    const time = usage.at / 1000
    const machine = recordingLine({
      time,
      kind: 'machine',
      owner: 'machine',
      cpu: Math.max(0, host.cpuBusySeconds - row.busySeconds) / seconds,
      mem: (host.memoryTotalBytes - host.memoryAvailableBytes) / MB,
      limit: host.cpus,
      mem_limit: host.memoryTotalBytes / MB,
      load5: host.load5,
      load15: host.load15,
    })
    const lines = usage.containers.map((container) => this.#lineOf(container, time, seconds))
    return [machine, ...lines, ''].join('\n')
  }

  #lineOf(container: ContainerUsage, time: number, seconds: number): string {
    const { allocated, containerId, revocable, statistics, taskIds, executorId } = container
    const track = this.#tracks.get(containerId)
    const mem = allocated.scalar('mem')
    const cpu = rate(track?.from?.cpuSeconds, statistics?.cpuSeconds, seconds)
    const waiting = rate(track?.from?.cpuPressureSomeSeconds, statistics?.cpuPressureSomeSeconds, seconds)
    const throttled = rate(track?.from?.cpuThrottledSeconds, statistics?.cpuThrottledSeconds, seconds)
    return recordingLine({
      time,
      kind: revocable ? 'borrower' : 'owner',
      // A task's name may come again; with its container's id it is this very one.
      owner: `${(taskIds[0] ?? executorId).slice(0, 150)} ${containerId.slice(-100)}`,
      limit: allocated.scalar('cpus'),
      ...(cpu !== undefined && { cpu, cpu_peak: Math.max(cpu, track?.peak ?? 0) }),
      ...(statistics !== undefined && { mem: statistics.memoryBytes / MB }),
      ...(mem > 0 && { mem_limit: mem }),
      ...(waiting !== undefined && { waiting: Math.min(1, waiting) }),
      ...(throttled !== undefined && { throttled: Math.min(1, throttled) }),
    })
  }

  #write(usage: ResourceUsage, lines: string): void {
    if (this.#file === undefined || this.#file.bytes >= this.#options.fileBytes) this.#open(usage.at)
    if (this.#file === undefined) return
    appendFileSync(this.#file.path, lines, { mode: 0o600 })
    this.#file.bytes += Buffer.byteLength(lines)
    this.#writtenAt = usage.at
  }

  /** A new file, named so that names are in order of time; what is too much goes, the oldest first. */
  #open(at: number): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    const room = this.#options.totalBytes - this.#options.fileBytes
    const files = readdirSync(this.#folder)
      .filter((name) => /^usage-\d{15}\.csv$/.test(name))
      .sort()
      .map((name) => ({ path: join(this.#folder, name), bytes: statSync(join(this.#folder, name)).size }))
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0)
    for (const [index, { path, bytes }] of files.entries()) {
      if (total <= room && files.length - index < MAX_FILES) break
      rmSync(path, { force: true })
      total -= bytes
    }
    const path = join(this.#folder, `usage-${String(Math.round(at)).padStart(15, '0')}.csv`)
    const header = `${RECORDING_HEADER}\n`
    appendFileSync(path, header, { mode: 0o600 })
    this.#file = { path, bytes: header.length }
  }
}

/** Per second between two readings of a counter; undefined unless both are there and it grew. */
function rate(before: number | undefined, after: number | undefined, seconds: number): number | undefined {
  if (before === undefined || after === undefined || after < before) return undefined
  return (after - before) / seconds
}
