// Lending as the agent carries it out: the estimator's word goes to the master, the controller's word ends borrowers.
import type { Resources } from '../../resources/resources.ts'
import type { LinkCallLending } from '../../wire/link.ts'
import * as commands from './command-tasks.ts'
import { dispatch } from './endings.ts'
import * as executors from './executors.ts'
import type { GracefulCorrection } from './events.ts'
import { findExecutor, type Ending } from './state.ts'
import { callMaster, count, log, type Turn } from './turn.ts'

/**
 * Ends the named container, at once unless the correction has a grace; its tasks end TASK_GONE with the correction's
 * words (spec/mesos.md 11.2).
 */
export function correct(turn: Turn, correction: GracefulCorrection): void {
  const { frameworkId, executorId, containerId, graceMs = 0, message } = correction
  const framework = turn.state.frameworks.get(frameworkId)
  const executor = findExecutor(turn.state, frameworkId, executorId)
  const obstacle =
    framework === undefined || executor === undefined
      ? 'it has ended'
      : executor.containerId !== containerId
        ? 'another container has taken its place'
        : executor.life.kind === 'terminated'
          ? 'it has ended'
          : framework.life === 'terminating'
            ? 'its framework is being torn down'
            : undefined
  if (framework === undefined || executor === undefined || obstacle !== undefined) {
    log(turn, 'info', `correction ignored: ${obstacle ?? 'it has ended'}`, {
      frameworkId,
      executorId,
      containerId,
    })
    return
  }
  const fresh = executor.life.kind !== 'ending' && executor.life.kind !== 'terminating'
  if (fresh) count(turn, 'slave/executors_preempted')
  log(turn, 'info', 'borrower is taken back', { frameworkId, executorId, containerId, message })
  const cause: Ending = { kind: 'preempted', message }
  dispatch(framework, executor, {
    supervised: (at) => void commands.end(turn, at, cause, graceMs),
    custom: (at) => executors.destroy(turn, at.executor, cause, graceMs),
  })
}

/** The master hears only of a change (spec/mesos.md 11.2). */
export function setOversubscribed(turn: Turn, resources: Resources): void {
  const { state } = turn
  state.oversubscribed = resources
  if (state.link.kind !== 'registered' || state.oversubscribedSent.equals(resources)) return
  state.oversubscribedSent = resources
  callMaster(turn, { type: 'OVERSUBSCRIBED', oversubscribed: { resources: resources.toWire() } })
}

/** Told to each master that it meets, and to the present one when it changes. */
export function tellLending(turn: Turn, lending: LinkCallLending): void {
  turn.state.lending = lending
  callMaster(turn, { type: 'LENDING', lending })
}
