// Sets a group's quota for any period, and reads back from the kernel what is in force for a group.
import { join } from 'node:path'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { GroupRank, GroupSettings } from '../cgroups.ts'
import { errnoOf, type KernelFiles } from './files.ts'
import type { Hierarchies } from './hierarchies.ts'

/** The kernel refuses less, for the quota and for the period (spec/lending.md 3.4). */
const LEAST_US = 1000

export function writeQuota(
  files: KernelFiles,
  hierarchies: Hierarchies,
  path: string,
  cpus: number,
  periodMs: number,
): void {
  const home = hierarchies.homes.cpu
  if (home === undefined) throw refusal(path, 'no cpu controller is mounted')
  const directory = join(home.directory, path)
  const period = Math.max(LEAST_US, Math.round(periodMs * 1000))
  const quota = Number.isFinite(cpus) ? Math.max(LEAST_US, Math.round(cpus * period)) : undefined
  try {
    if (home.version === 2) {
      files.write(join(directory, 'cpu.max'), `${quota ?? 'max'} ${period}`)
      return
    }
    const file = join(directory, 'cpu.cfs_quota_us')
    // Lifted first: in between, an old quota over a new period could be more than the kernel allows.
    files.write(file, '-1')
    if (quota === undefined) return
    files.write(join(directory, 'cpu.cfs_period_us'), String(period))
    files.write(file, String(quota))
  } catch (error) {
    throw refusal(path, reasonOf(error), error)
  }
}

function refusal(path: string, reason: string, cause?: unknown): OperatingError {
  const hint =
    errnoOf(cause) === 'EINVAL' ? 'On cgroup v1 no group below may have a higher quota of its own' : ''
  return new OperatingError('ISOLATION', `The kernel refused the cpu quota of ${path}: ${reason}`, {
    cause,
    ...(hint === '' ? {} : { hint }),
  })
}

export function readSettings(files: KernelFiles, hierarchies: Hierarchies, path: string): GroupSettings {
  const { io } = hierarchies.homes
  return {
    ...readRank(files, hierarchies, path),
    ...readQuota(files, hierarchies, path),
    frozen: frozenIn(files, hierarchies, path),
    ioWeight: io === undefined ? undefined : ioWeightIn(files, join(io.directory, path), io.version),
  }
}

/** Whether it is last among the groups beside it, for a look ten times a second. */
export function readRank(files: KernelFiles, hierarchies: Hierarchies, path: string): GroupRank {
  const { cpu } = hierarchies.homes
  const inCpu = (name: string): string | undefined =>
    cpu === undefined ? undefined : files.read(join(cpu.directory, path, name))?.trim()
  const idle = inCpu('cpu.idle')
  return {
    idle: idle === undefined ? undefined : idle === '1',
    weight: numberOf(cpu?.version === 2 ? inCpu('cpu.weight') : undefined),
    shares: numberOf(cpu?.version === 1 ? inCpu('cpu.shares') : undefined),
  }
}

/** The quota alone, for a look at many groups. */
export function readQuota(
  files: KernelFiles,
  hierarchies: Hierarchies,
  path: string,
): Pick<GroupSettings, 'quotaCpus' | 'periodMs'> {
  const { cpu } = hierarchies.homes
  if (cpu === undefined) return quotaIn(undefined)
  const directory = join(cpu.directory, path)
  if (cpu.version === 2) return quotaIn(files.read(join(directory, 'cpu.max'))?.trim())
  const quota = files.read(join(directory, 'cpu.cfs_quota_us'))?.trim()
  if (quota === undefined) return quotaIn(undefined)
  const period = files.read(join(directory, 'cpu.cfs_period_us'))?.trim() ?? ''
  return quotaIn(`${quota === '-1' ? 'max' : quota} ${period}`)
}

function quotaIn(text: string | undefined): Pick<GroupSettings, 'quotaCpus' | 'periodMs'> {
  if (text === undefined) return { quotaCpus: undefined, periodMs: undefined }
  const [quota = 'max', period = '100000'] = text.split(' ')
  const quotaCpus = quota === 'max' ? Number.POSITIVE_INFINITY : Number(quota) / Number(period)
  return { quotaCpus, periodMs: Number(period) / 1000 }
}

function frozenIn(files: KernelFiles, hierarchies: Hierarchies, path: string): boolean | undefined {
  const { unified, homes } = hierarchies
  const order = unified === undefined ? undefined : files.read(join(unified, path, 'cgroup.freeze'))
  if (order?.trim() === '1') return true
  const state =
    homes.freezer?.version === 1
      ? files.read(join(homes.freezer.directory, path, 'freezer.state'))
      : undefined
  if (state !== undefined) return state.trim() !== 'THAWED'
  return order === undefined ? undefined : false
}

function ioWeightIn(files: KernelFiles, directory: string, version: 1 | 2): number | undefined {
  const names = version === 1 ? ['blkio.bfq.weight'] : ['io.bfq.weight', 'io.weight']
  for (const name of names) {
    const text = files.read(join(directory, name))
    // `default 1` or `1`, more lines for single devices after it.
    if (text !== undefined) return numberOf(text.split('\n')[0]?.replace('default ', ''))
  }
  return undefined
}

function numberOf(text: string | undefined): number | undefined {
  const number = Number(text ?? Number.NaN)
  return Number.isFinite(number) ? number : undefined
}
