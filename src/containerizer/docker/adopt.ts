// What an earlier life of the agent left on the engine: which containers live on, which have ended, which have to go.
import { parseIsoTime } from '../../base/clock.ts'
import { reasonOf } from '../../base/errors.ts'
import type { Container, ContainerSpec, Recovered } from '../containerizer.ts'
import type { ContainerDescription, ListedContainer } from './engine-answers.ts'
import { EngineError } from './engine-errors.ts'
import type { Engine } from './engine.ts'
import { fateOf } from './fate.ts'
import { findStarted } from './found.ts'
import { LABELS } from './options.ts'
import type { LaunchDeps } from './parts.ts'
import { Turns } from './turns.ts'

export interface AdoptDeps extends LaunchDeps {
  /** Containers of this life, which are left alone. */
  readonly mine: ReadonlySet<string>
  /** `--docker_kill_orphans`. */
  readonly killOrphans: boolean
  /** Wall time, ms, when the machine was started since. */
  readonly rebootedAt: number | undefined
}

const WIDTH = 8
const RETRY_MS = 500
/** How long the engine may take to begin to tell ends; without that it is asked about each container. */
const ENDS_MS = 2000
const RUNS = new Set(['running', 'paused', 'restarting'])

/** The engine filters; a container that is not ours must survive even an engine that does not. */
export async function ofAgent(
  engine: Pick<Engine, 'list'>,
  agentTag: string,
): Promise<readonly ListedContainer[]> {
  const listed = await engine.list(LABELS.agent, agentTag)
  return listed.filter(({ Labels }) => Labels[LABELS.agent] === agentTag)
}

/** With one list for all and one look at each: see `Containerizer.recover`. */
export async function recoverContainers(
  deps: AdoptDeps,
  known: readonly ContainerSpec[],
): Promise<Recovered> {
  const { engine, ends, mine, settings } = deps
  // From before the list on, so that no end falls between the list and the listening.
  using _heard = await ends.remember(ENDS_MS)
  const listed = await insist(deps, () => ofAgent(engine, settings.agentTag))
  const left = listed.filter(({ Id }) => !mine.has(Id))
  const specs = new Map(known.map((spec) => [spec.containerId, spec]))
  const containers = new Map<string, Container>()
  const turns = new Turns(WIDTH)
  let removed = 0
  await Promise.all(
    left.map((one) =>
      turns.take(async () => {
        const spec = specs.get(one.Labels[LABELS.container] ?? '')
        if (spec !== undefined) {
          const container = (await isOver(deps, one))
            ? undefined
            : await insist(deps, () => findStarted(deps, spec, one.Id))
          if (container !== undefined) containers.set(spec.containerId, container)
        } else if (one.State === 'exited') {
          if (!(await keep(deps, one))) removed += 1
        } else if (deps.killOrphans || !RUNS.has(one.State)) {
          await remove(deps, one)
          removed += 1
        } else {
          deps.onCreated(one.Id)
          deps.log.warn(about(one), 'Left a running container that nobody knows (--no-docker_kill_orphans)')
        }
      }),
    ),
  )
  return { containers, removed }
}

/**
 * Whether the start of the machine ended it. What the engine wrote down before that is a container's own end; what it
 * writes down when it comes back and finds no process any more is not.
 */
async function isOver(deps: AdoptDeps, one: ListedContainer): Promise<boolean> {
  const { engine, log, rebootedAt } = deps
  if (rebootedAt === undefined) return false
  const found = await insist(deps, () => fateOf(deps, one.Id))
  // It was never started, and is gone now.
  if (found === undefined) return true
  const { State } = found.description
  if (State.Running) {
    log.warn(about(one), 'Removing a container that somebody started anew after the machine was started')
    // Its task is told as ended: no second copy of it may be started beside this one.
    await insist(deps, () => engine.remove(one.Id))
    return true
  }
  if (endedBefore(State, rebootedAt)) return false
  await keep(deps, one)
  return true
}

/** On a clock that was wrong for a while after the start, an end can seem to be older than its beginning. */
function endedBefore({ FinishedAt, StartedAt }: ContainerDescription['State'], at: number): boolean {
  const [ended, began] = [parseIsoTime(FinishedAt ?? ''), parseIsoTime(StartedAt ?? '')]
  return ended !== undefined && ended < at && (began === undefined || ended >= began)
}

/** One whose end was told in an earlier life is kept for the rest of its time; false when that is over. */
async function keep(deps: AdoptDeps, one: ListedContainer): Promise<boolean> {
  const { clock, engine, onCreated, removals } = deps
  const found = await insist(deps, () => engine.inspect(one.Id))
  const endedAt = parseIsoTime(found?.description.State.FinishedAt ?? '') ?? 0
  onCreated(one.Id)
  const taskId = one.Labels[LABELS.task]
  const ended = {
    containerId: one.Labels[LABELS.container] ?? '',
    taskId,
    endedAt: Math.min(endedAt, clock.now()),
  }
  await removals.schedule(one.Id, ended)
  return removals.kept.some(({ engineId }) => engineId === one.Id)
}

async function remove(deps: AdoptDeps, one: ListedContainer): Promise<void> {
  deps.log.info(about(one), 'Removing a container of an earlier life')
  await deps.removals.now(one.Id)
}

/**
 * An engine that is just starting again, or hangs, is waited for: whoever takes its containers for gone would start
 * them a second time.
 */
async function insist<T>({ clock, log, engineLossMs, closed }: AdoptDeps, ask: () => Promise<T>): Promise<T> {
  const end = clock.monotonic() + engineLossMs
  for (let isNoted = false; ; isNoted = true) {
    try {
      return await ask()
    } catch (error) {
      const isNo = error instanceof EngineError && error.status !== undefined && error.status < 500
      if (!(error instanceof EngineError) || isNo || clock.monotonic() >= end) throw error
      if (!isNoted)
        log.warn({ reason: reasonOf(error) }, 'Waiting for the Docker Engine to find containers again')
      await clock.sleep(RETRY_MS, closed)
    }
  }
}

function about({ Labels, State }: ListedContainer): Readonly<Record<string, unknown>> {
  return { container: Labels[LABELS.container], task: Labels[LABELS.task], state: State }
}
