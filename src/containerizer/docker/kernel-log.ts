// What the kernel's log says about kills for memory: whose limit it was, even after the container's group is gone.
import { closeSync, constants, openSync, readSync } from 'node:fs'

/** One kill by the kernel's memory killer. */
export interface KernelKill {
  /** Path of the group whose limit was hit; undefined when the whole machine ran out. */
  readonly limitedGroup: string | undefined
  /** Path of the group in which the victim lived. */
  readonly victimGroup: string
  readonly process: string
  readonly pid: number
  /** Of the group whose limit was hit, at that moment. */
  readonly usageBytes: number | undefined
  readonly limitBytes: number | undefined
}

/** Hands out records since the last call; undefined where the log cannot be read. */
export interface KernelLog {
  killsIn(groupName: string): KernelKill | undefined
  close(): void
}

const KILLS_KEPT = 256
/** One record, as the kernel limits it. */
const RECORD_BYTES_MAX = 8192
const RECORDS_PER_TURN = 50_000

/** Reads the log from its beginning. Without the right to read it, nothing is ever found. */
export function openKernelLog(path = '/dev/kmsg'): KernelLog {
  try {
    return new DeviceLog(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK))
  } catch {
    // Not root, or a container without the device: then the counters must do.
    return { killsIn: () => undefined, close: () => undefined }
  }
}

class DeviceLog implements KernelLog {
  readonly #fd: number
  readonly #buffer = Buffer.alloc(RECORD_BYTES_MAX)
  readonly #reader = new KillReader()

  constructor(fd: number) {
    this.#fd = fd
    // What happened before is the story of containers that ended while the agent was away.
    this.#drain()
  }

  killsIn(groupName: string): KernelKill | undefined {
    this.#drain()
    return this.#reader.kills.findLast((kill) =>
      kill.victimGroup.split('/').some((part) => part.includes(groupName)),
    )
  }

  close(): void {
    closeSync(this.#fd)
  }

  #drain(): void {
    for (let count = 0; count < RECORDS_PER_TURN; count++) {
      try {
        const bytes = readSync(this.#fd, this.#buffer)
        if (bytes === 0) return
        this.#reader.take(this.#buffer.toString('utf8', 0, bytes))
      } catch (error) {
        // EPIPE: records were overwritten before they were read; the next read goes on behind the gap.
        if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) return
      }
    }
  }
}

/** Understands the records one by one: `memory: usage …`, then `oom-kill:…`. Exported for its tests. */
export class KillReader {
  readonly kills: KernelKill[] = []
  #usage: { usageBytes: number; limitBytes: number } | undefined

  take(record: string): void {
    const usage = /;memory: usage (\d+)kB, limit (\d+)kB/.exec(record)
    if (usage !== null) {
      this.#usage = { usageBytes: Number(usage[1]) * 1024, limitBytes: Number(usage[2]) * 1024 }
      return
    }
    const kill = /;oom-kill:.*?(?:oom_memcg=(\S*?),|global_oom,)task_memcg=(\S*?),task=(.*?),pid=(\d+)/.exec(
      record,
    )
    if (kill === null) return
    const [, limitedGroup, victimGroup = '', process = '', pid] = kill
    const figures = limitedGroup === undefined ? undefined : this.#usage
    this.kills.push({
      limitedGroup,
      victimGroup,
      process,
      pid: Number(pid),
      usageBytes: figures?.usageBytes,
      limitBytes: figures?.limitBytes,
    })
    this.#usage = undefined
    if (this.kills.length > KILLS_KEPT) this.kills.shift()
  }
}
