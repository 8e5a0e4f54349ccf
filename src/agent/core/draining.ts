// DRAIN: the master wants this agent empty. Every task is killed, with a grace that is bounded (spec/mesos.md 5.5).
import type { DrainConfig } from '../../wire/agents.ts'
import type { KillPolicy } from '../../wire/commands.ts'
import type { LinkStanding } from '../../wire/link.ts'
import * as commands from './command-tasks.ts'
import { settleDrain } from './drained.ts'
import { dispatch } from './endings.ts'
import * as executors from './executors.ts'
import type { Task } from './state.ts'
import { log, type Turn } from './turn.ts'

/** Told again by a master that the agent comes back to: what is being killed already only gets less grace. */
export function drain(turn: Turn, config: DrainConfig): void {
  const { state } = turn
  log(turn, 'info', 'the master drains this agent', {
    maxGraceMs: graceMs(config.max_grace_period),
    gone: config.mark_gone ?? false,
  })
  state.draining = { config, since: state.draining?.since ?? turn.now }
  turn.changes.agent = true
  for (const framework of state.frameworks.values()) {
    if (framework.life === 'terminating') continue
    for (const executor of framework.executors.values()) {
      const alive = [...executor.tasks.values()].filter(({ life }) => life.kind !== 'terminated')
      for (const task of alive)
        dispatch(framework, executor, {
          supervised: (at) => commands.kill(turn, at, policyFor(task, config)),
          custom: (at) => executors.killTask(turn, { ...at, task }, policyFor(task, config)),
        })
    }
  }
  settleDrain(turn)
}

/** What the master holds of this agent, to be told to the next life of either: the agent itself acts on DRAIN only. */
export function keepStanding(turn: Turn, standing: LinkStanding): void {
  const before = turn.state.standing
  turn.state.standing = standing.deactivated ? standing : undefined
  turn.changes.agent = true
  if ((before === undefined) === (turn.state.standing === undefined)) return
  log(turn, 'info', standing.deactivated ? 'the master offers nothing of this agent' : 'in use again', {})
}

const graceMs = (period: { readonly nanoseconds: number } | undefined): number | undefined =>
  period === undefined ? undefined : period.nanoseconds / 1e6

/** The bound counts where the task's own grace is longer, or where it has none; undefined keeps the task's own. */
function policyFor(task: Task, { max_grace_period: most }: DrainConfig): KillPolicy | undefined {
  const own = task.info.kill_policy?.grace_period
  if (most === undefined || (own !== undefined && own.nanoseconds <= most.nanoseconds)) return undefined
  return { grace_period: most }
}
