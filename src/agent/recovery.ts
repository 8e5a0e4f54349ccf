/**
 * What an earlier life of this agent left: its checkpoint read and held against what the agent is now, its containers
 * found again. A first start is the recovery of nothing.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Container, Containerizer, ContainerSpec } from '../containerizer/containerizer.ts'
import { Checkpoint, type CheckpointRow } from '../store/checkpoint.ts'
import type { OpenOptions } from '../store/database.ts'
import type { AgentInfo } from '../wire/agents.ts'
import { type Restored, restore } from './core/restore.ts'
import { AGENTS_FOLDER, checkpointFile } from './paths.ts'
import { problemsWithChange, type ReconfigurationPolicy } from './reconfiguration.ts'

const BOOT_ID = '/proc/sys/kernel/random/boot_id'
const KERNEL_FACTS = '/proc/stat'

/** One life of this machine. */
export interface Boot {
  /** The kernel's name for the time since it was started. */
  readonly id: string
  /** When it was started, by the wall clock of now, ms. */
  readonly at: number
}

export function readBoot(): Boot {
  const seconds = /^btime (\d+)$/m.exec(readFileSync(KERNEL_FACTS, 'utf8'))?.[1]
  // Where the kernel keeps it to itself, nothing counts as older than the start of the machine.
  return { id: readFileSync(BOOT_ID, 'utf8').trim(), at: Number(seconds ?? 0) * 1000 }
}

export interface Recovery {
  readonly checkpoint: Checkpoint
  /** As it was read, to take out what cannot be used. */
  readonly rows: readonly CheckpointRow[]
  readonly restored: Restored
  /** What was left out, as sentences. */
  readonly problems: readonly string[]
  readonly bootId: string
  /** When the machine was started anew since, wall ms: nothing of what ran can still run. */
  readonly rebootedAt: number | undefined
}

export interface RecoverySettings {
  /** `--strict`: stop at the first record that cannot be used, instead of counting it. */
  readonly strict: boolean
  readonly boot: Boot
  /** Brings a file to the disk; for tests. */
  readonly sync?: OpenOptions['sync']
}

/**
 * Opens the checkpoint of a work folder and reads it. The caller closes it.
 * @throws OperatingError RECOVERY with the path, what is wrong, and what to do
 */
export function openRecovery(workDir: string, settings: RecoverySettings, log: Logger): Recovery {
  const path = checkpointFile(workDir)
  const damage: string[] = []
  const { checkpoint, rows } = readCheckpoint(path, workDir, {
    ...(!settings.strict && { onDamaged: (message) => void damage.push(message) }),
    onEmpty: () => {
      // Killed in its first moments, an agent may have begun the file and no more.
      if (!existsSync(join(workDir, AGENTS_FOLDER))) return
      const message = `it holds nothing, though an agent has worked in ${workDir}`
      if (settings.strict) throw new Error(message)
      damage.push(`${path}: ${message}`)
    },
    ...(settings.sync !== undefined && { sync: settings.sync }),
  })
  const restored = restore(rows)
  const problems = [...damage, ...restored.problems]
  const [first, ...more] = problems
  if (first !== undefined && settings.strict) {
    checkpoint[Symbol.dispose]()
    const others = more.length === 0 ? '' : ` (and ${more.length} more)`
    throw new OperatingError('RECOVERY', `The checkpoint ${path} cannot be used: ${first}${others}`, {
      hint: `--no-strict goes on without these records; ${resetAdvice(workDir)}`,
    })
  }
  for (const problem of problems) log.warn({ path, problem }, 'a record of the checkpoint is left out')
  const before = restored.agent?.boot_id
  const { boot } = settings
  const rebootedAt = before === undefined || before === boot.id ? undefined : boot.at
  return { checkpoint, rows, restored, problems, bootId: boot.id, rebootedAt }
}

function readCheckpoint(
  path: string,
  workDir: string,
  options: Omit<OpenOptions, 'migrations'>,
): { readonly checkpoint: Checkpoint; readonly rows: ReturnType<Checkpoint['read']> } {
  let checkpoint: Checkpoint | undefined
  try {
    checkpoint = Checkpoint.open(path, options)
    return { checkpoint, rows: checkpoint.read() }
  } catch (error) {
    checkpoint?.[Symbol.dispose]()
    // Of a newer version it is known what helps.
    const way = (error instanceof OperatingError ? error.hint : undefined) ?? 'Restore the file'
    throw new OperatingError('RECOVERY', `The checkpoint ${path} cannot be read: ${reasonOf(error)}`, {
      cause: error,
      hint: `${way}, or give up what runs: ${resetAdvice(workDir)}`,
    })
  }
}

const resetAdvice = (workDir: string): string =>
  `'tepui agent reset --work_dir=${workDir}' ends what runs and starts anew`

/**
 * Whether the agent is still the one that it was (spec/mesos.md 5.7).
 * @returns the recovery to go on with: after a reboot, an agent that became another one gives its id up
 * @throws OperatingError RECOVERY that names what changed
 */
export function compareIdentity(
  recovery: Recovery,
  info: AgentInfo,
  policy: ReconfigurationPolicy,
  workDir: string,
): Recovery {
  const before = recovery.restored.agent?.info
  if (before === undefined) return recovery
  const problems = problemsWithChange(before, info, policy)
  if (problems.length === 0) return recovery
  if (recovery.rebootedAt !== undefined) return { ...recovery, restored: restore([]) }
  const grow =
    policy === 'equal'
      ? 'set the flags back, use --reconfiguration_policy=additive for what only grew'
      : 'set the flags back'
  throw new OperatingError(
    'RECOVERY',
    `This agent is not the one that worked in ${workDir} before: ${problems.join('; ')}`,
    { hint: `To keep its tasks ${grow}; else ${resetAdvice(workDir)}` },
  )
}

/** Containers of the earlier life by id; what the checkpoint does not know is ended. */
export async function findContainers(
  containerizers: readonly Containerizer[],
  known: readonly ContainerSpec[],
  { rebootedAt }: Pick<Recovery, 'rebootedAt'>,
  log: Logger,
): Promise<ReadonlyMap<string, Container>> {
  const found = new Map<string, Container>()
  for (const containerizer of containerizers) {
    const own = known.filter((spec) => containerizer.supports(spec))
    const { containers, removed } = await containerizer.recover(own, rebootedAt)
    for (const [id, container] of containers) if (!found.has(id)) found.set(id, container)
    const fields = { containerizer: containerizer.name, found: containers.size, ended: removed }
    if (containers.size > 0) log.info(fields, 'containers of an earlier life of this agent found again')
    if (removed > 0) log.warn(fields, 'unknown containers of an earlier life of this agent ended')
  }
  return found
}
