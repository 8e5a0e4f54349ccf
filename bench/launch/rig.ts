// What the parts of the launch bench share: the cluster, its framework, the bare engine beside it, and a clean end.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchContext } from '../bench.ts'
import { alike, BareEngine, BENCH_LABEL, type Described } from './bare.ts'
import { type Daemons, startDaemons } from './daemons.ts'
import { BenchFramework } from './framework.ts'

export interface Rig extends AsyncDisposable {
  readonly context: BenchContext
  readonly daemons: Daemons
  readonly framework: BenchFramework
  readonly engine: BareEngine
  /** Label of the agent's containers: `tepui.agent=TAG`. */
  readonly agentLabel: string
  /** The create request of a bare container that runs this and is like one of ours in everything else. */
  readonly bare: (command: readonly string[]) => object
  /** Resolves when the engine has none of our agent's containers any more. */
  readonly removed: () => Promise<void>
}

/** More than the machine has: it is the engine that is measured, not the waiting for room. */
const AGENT_FLAGS = [
  '--resources=cpus:64;mem:65536;disk:65536;ports:[31000-32000]',
  '--containerizers=docker',
  // The bare loop removes its containers as soon as they have ended; so do we, within the time that is measured.
  '--docker_remove_delay=0ns',
]
/** Off by default, as in Mesos. With them the agent reads every container once a second and decides. */
export const LENDING_FLAGS = ['--resource_estimator=usage', '--qos_controller=pressure']
const POLL_MS = 20

/** @param flags of the agent, beside those that every part of the bench needs */
export async function openRig(context: BenchContext, flags: readonly string[]): Promise<Rig> {
  const { clock, random, signal } = context
  const run = random.uuid()
  await using stack = new AsyncDisposableStack()
  const engine = stack.use(new BareEngine(() => clock.monotonic()))
  // What a bench left behind that was ended with force.
  await engine.sweep(BENCH_LABEL)
  stack.defer(() => engine.sweep(BENCH_LABEL))
  const daemons = stack.use(await startDaemons({ clock, agentFlags: [...AGENT_FLAGS, ...flags], signal }))
  const master = `127.0.0.1:${daemons.master.port}`
  const framework = stack.use(await BenchFramework.subscribe(master, clock, signal))
  const described = await describeOne(framework, engine)
  const agentLabel = `tepui.agent=${described.Config.Labels['tepui.agent']}`
  const sandbox = join(daemons.folder, 'bare')
  mkdirSync(sandbox)
  const body = alike(described, run, sandbox)
  const removed = async (): Promise<void> => {
    while ((await engine.list(agentLabel)).length > 0) await clock.sleep(POLL_MS, signal)
  }
  await removed()
  const owned = stack.move()
  return {
    context,
    daemons,
    framework,
    engine,
    agentLabel,
    bare: (command) => ({ ...body, Cmd: command }),
    removed,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Runs one task and asks the engine what its container looks like. */
async function describeOne(framework: BenchFramework, engine: BareEngine): Promise<Described> {
  const [task] = await framework.launch(['sleep', '60'], 1)
  if (task === undefined) throw new Error('An offer held no task')
  await task.running
  const [found] = await engine.list(`tepui.task=${task.taskId}`)
  const described = await engine.ask<Described>('GET', `/containers/${found?.Id}/json`)
  await framework.kill(task.taskId)
  await task.over
  return described
}
