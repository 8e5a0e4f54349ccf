// Why a container ended: from its exit status, the engine's marks, the kernel's log and the signals we sent. Pure.
import { constants } from 'node:os'
import { humanBytes } from '../../base/units.ts'
import type { ContainerExit } from '../containerizer.ts'
import type { KernelKill } from './kernel-log.ts'

export interface EndFacts {
  readonly exitCode: number
  /** The engine's id, which is the name of the container's group. */
  readonly dockerId: string
  /** The engine saw the kernel's memory killer at work inside, or at a limit above. */
  readonly oomKilled: boolean
  readonly kernelKill: KernelKill | undefined
  /** The limit of the tier was hit since the container began: the best guess where the kernel's log cannot be read. */
  readonly tierWasHit: boolean
  /** The container's own limit. */
  readonly limitBytes: number | undefined
  /** The highest use that was sampled. */
  readonly peakBytes: number | undefined
  /** Numbers of the signals that we sent. */
  readonly sent: ReadonlySet<number>
  /** Numbers of the signals that the engine sent for anybody. */
  readonly viaEngine: ReadonlySet<number>
  /** The engine no longer knew the container right after its end. */
  readonly isRemoved: boolean
  /** The engine was away between the start and the end. */
  readonly engineWasAway: boolean
  /** An earlier life of the agent started the container, and may have sent what it ended of. */
  readonly isAdopted: boolean
}

const SIGNAL_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals)
    // Of names with the same number, the usual one comes first in the table.
    .toReversed()
    .map(([name, number]) => [number, name]),
)
/** Engines report the death by signal N as the status 128 + N, as shells do. */
const SIGNAL_BASE = 128
const SIGKILL = constants.signals.SIGKILL

/** The number of `SIGTERM`, `TERM` or `15`, as images write their stop signal; undefined when it is none. */
export function signalNumber(text: string): number | undefined {
  if (/^\d{1,2}$/.test(text)) return Number(text)
  const name = text.toUpperCase().startsWith('SIG') ? text.toUpperCase() : `SIG${text.toUpperCase()}`
  return Object.entries(constants.signals).find(([known]) => known === name)?.[1]
}

export function causeOf(facts: EndFacts): ContainerExit {
  const { exitCode, sent } = facts
  if (exitCode === 0) return { kind: 'exited', code: 0 }
  const number = exitCode - SIGNAL_BASE
  const name = SIGNAL_NAMES.get(number)
  const wasOurs = sent.has(number)
  const wasMemory = facts.oomKilled || (facts.kernelKill !== undefined && number === SIGKILL)
  if (wasMemory && !wasOurs) return memoryDeath(facts)
  if (name === undefined) return { kind: 'exited', code: exitCode }
  const detail = wasOurs
    ? undefined
    : `Exit status ${exitCode} stands for ${name} (${number}); ${senderOf(facts, number)}`
  return { kind: 'signaled', signal: name, detail }
}

function senderOf({ viaEngine, isRemoved, engineWasAway, isAdopted }: EndFacts, number: number): string {
  if (isRemoved) return 'somebody else had the Docker Engine remove the running container (docker rm -f)'
  if (viaEngine.has(number))
    return 'the Docker Engine sent it, for somebody else (docker kill, stop or rm -f) or because it was stopped itself'
  if (engineWasAway)
    return 'the Docker Engine was away when it came: without live-restore it ends its containers as it stops or starts'
  if (isAdopted) return 'it came while the agent was away, or from the agent before its restart'
  return 'this agent did not send it, nobody recorded who did'
}

function memoryDeath(facts: EndFacts): ContainerExit {
  const { kernelKill, limitBytes } = facts
  const level = levelOf(facts)
  const used = level === 'host' ? facts.peakBytes : (kernelKill?.usageBytes ?? facts.peakBytes ?? limitBytes)
  const limit = level === 'own' ? (kernelKill?.limitBytes ?? limitBytes) : kernelKill?.limitBytes
  const peakBytes = level === 'own' ? used : facts.peakBytes
  return {
    kind: 'memory',
    level,
    limitBytes: limit,
    peakBytes,
    detail: `${headline(facts, level, limit, used)}; ${victim(kernelKill)}; exit status ${facts.exitCode}`,
  }
}

function levelOf({ kernelKill, tierWasHit, dockerId }: EndFacts): 'own' | 'parent' | 'host' {
  if (kernelKill === undefined) return tierWasHit ? 'parent' : 'own'
  if (kernelKill.limitedGroup === undefined) return 'host'
  // Its own group or one that the task made inside; anything else that limits it stands above.
  return kernelKill.limitedGroup.includes(dockerId) ? 'own' : 'parent'
}

function headline(
  facts: EndFacts,
  level: 'own' | 'parent' | 'host',
  limit: number | undefined,
  used: number | undefined,
): string {
  const limitText = limit === undefined ? 'unknown' : humanBytes(limit)
  const usedText = used === undefined ? '' : `, used ${humanBytes(used)}`
  const own = facts.limitBytes === undefined ? 'none' : humanBytes(facts.limitBytes)
  switch (level) {
    case 'own':
      return `Memory limit exceeded: limit ${limitText}${usedText}`
    case 'parent':
      return `The memory limit of the tier was exceeded, not its own (${own}): limit ${limitText}${usedText}`
    case 'host':
      return `The machine ran out of memory; the container's own limit (${own}) was not reached${usedText}`
  }
}

function victim(kill: KernelKill | undefined): string {
  return kill === undefined
    ? 'the kernel killed a process in it'
    : `the kernel killed its process ${kill.pid} (${kill.process})`
}
