// What the kernel says about the machine and the lent tier while the bench runs: cpu use, steal, quotas, who is inside.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatingError } from '../../src/base/errors.ts'

/** Ticks of all cores since boot. */
export interface CpuTicks {
  readonly busy: number
  readonly idle: number
  readonly steal: number
}

/** Share of the machine's time between two readings. */
export interface CpuShare {
  readonly busy: number
  readonly idle: number
  readonly steal: number
}

export function readTicks(): CpuTicks {
  const line = readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? ''
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return { busy: user + nice + system + irq + soft, idle: idle + wait, steal }
}

export function shareBetween(before: CpuTicks, after: CpuTicks): CpuShare {
  const busy = after.busy - before.busy
  const idle = after.idle - before.idle
  const steal = after.steal - before.steal
  const all = Math.max(1, busy + idle + steal)
  return { busy: busy / all, idle: idle / all, steal: steal / all }
}

export function availableMb(): number {
  const found = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
  return Number(found) / 1024
}

/** The lent tier of one agent, read and (to take its protection away, never to give more) written by hand. */
export class LentGroup {
  readonly #cpu: string
  readonly #freezer: string
  readonly #version: 1 | 2

  private constructor(cpu: string, freezer: string, version: 1 | 2) {
    this.#cpu = cpu
    this.#freezer = freezer
    this.#version = version
  }

  /** Of the agent whose groups carry this root. @throws OperatingError ISOLATION when there is none */
  static find(root: string): LentGroup {
    const name = (directory: string): string | undefined =>
      existsSync(directory)
        ? readdirSync(directory).find((entry) => entry.startsWith(`${root}_`) && entry.endsWith('_lent'))
        : undefined
    const v1 = name('/sys/fs/cgroup/cpu')
    if (v1 !== undefined)
      return new LentGroup(join('/sys/fs/cgroup/cpu', v1), join('/sys/fs/cgroup/freezer', v1), 1)
    const v2 = name('/sys/fs/cgroup')
    if (v2 !== undefined) return new LentGroup(join('/sys/fs/cgroup', v2), join('/sys/fs/cgroup', v2), 2)
    throw new OperatingError('ISOLATION', `There is no lent tier of '${root}' below /sys/fs/cgroup`)
  }

  /** Cores; `Infinity` without a quota. */
  get quotaCpus(): number {
    if (this.#version === 2) {
      const [quota = 'max', period = '1'] = this.#read('cpu.max').split(' ')
      return quota === 'max' ? Number.POSITIVE_INFINITY : Number(quota) / Number(period)
    }
    const quota = Number(this.#read('cpu.cfs_quota_us'))
    return quota < 0 ? Number.POSITIVE_INFINITY : quota / Number(this.#read('cpu.cfs_period_us'))
  }

  /** CPU time of all borrowers together, seconds. */
  get cpuSeconds(): number {
    if (this.#version === 1)
      return Number(readFileSync(this.#cpu.replace('/cpu/', '/cpuacct/') + '/cpuacct.usage', 'utf8')) / 1e9
    return Number(/^usage_usec (\d+)$/m.exec(this.#read('cpu.stat'))?.[1]) / 1e6
  }

  /** Lifts a quota behind the agent's back, as if it had no effect. */
  liftQuota(): void {
    if (this.#version === 2) writeFileSync(join(this.#cpu, 'cpu.max'), 'max')
    else writeFileSync(join(this.#cpu, 'cpu.cfs_quota_us'), '-1')
  }

  setQuota(cpus: number, periodUs: number): void {
    const quota = Math.max(1000, Math.round(cpus * periodUs))
    if (this.#version === 2) return writeFileSync(join(this.#cpu, 'cpu.max'), `${quota} ${periodUs}`)
    writeFileSync(join(this.#cpu, 'cpu.cfs_quota_us'), '-1')
    writeFileSync(join(this.#cpu, 'cpu.cfs_period_us'), String(periodUs))
    writeFileSync(join(this.#cpu, 'cpu.cfs_quota_us'), String(quota))
  }

  /** True when some borrower stands still, by whichever freezer. */
  get frozen(): boolean {
    // On a v1 machine containers have a group in the unified tree too, and its freezer is the quicker one.
    const unified = this.#cpu.replace('/cpu/', '/unified/')
    return this.children.some((child) => {
      const states = [join(this.#freezer, child, 'freezer.state'), join(unified, child, 'cgroup.events')]
      return states.some(
        (file) => existsSync(file) && /^(FROZEN|frozen 1)$/m.test(readFileSync(file, 'utf8')),
      )
    })
  }

  get children(): readonly string[] {
    return readdirSync(this.#cpu, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  }

  /** Processes of borrowers, by the host's numbers. */
  get processes(): readonly number[] {
    return this.children.flatMap((child) =>
      readFileSync(join(this.#cpu, child, 'cgroup.procs'), 'utf8')
        .trim()
        .split('\n')
        .filter(Boolean)
        .map(Number),
    )
  }

  /**
   * Another class than the agent's: `idle` (as it was), `shares` (2, what Mesos' agent gives), `equal` (as an owner).
   */
  setClass(of: 'idle' | 'shares' | 'equal'): void {
    writeFileSync(join(this.#cpu, 'cpu.idle'), of === 'idle' ? '1' : '0')
    if (of === 'idle') return
    if (this.#version === 2) writeFileSync(join(this.#cpu, 'cpu.weight'), of === 'equal' ? '100' : '1')
    else writeFileSync(join(this.#cpu, 'cpu.shares'), of === 'equal' ? '2048' : '2')
  }

  #read(file: string): string {
    return readFileSync(join(this.#cpu, file), 'utf8').trim()
  }
}

/** Sends a signal to processes that may end meanwhile. */
export function signalAll(pids: readonly number[], signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}
