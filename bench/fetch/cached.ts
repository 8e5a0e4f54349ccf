// What a URI that is in the cache adds to the start of a task: pairs of a task with it and one without any.
import { type Figure, figure } from '../../src/base/figures.ts'
import { commandTask } from '../../src/sdk/sdk.ts'
import type { BenchContext } from '../bench.ts'
import { startDaemons } from '../launch/daemons.ts'
import { BenchFramework, TASK_CPUS, TASK_MEM } from '../launch/framework.ts'
import { median } from '../statistics.ts'
import { serveFiles } from './serving.ts'

const BYTES = 16 * 1024 * 1024
const PAIRS = 20
const AGENT_FLAGS = ['--resources=cpus:64;mem:65536;disk:65536', '--containerizers=mesos', '--no-switch_user']

export async function measureCached(context: BenchContext): Promise<readonly Figure[]> {
  const { clock, say, signal } = context
  await using server = await serveFiles()
  await using daemons = await startDaemons({ clock, agentFlags: AGENT_FLAGS, signal })
  await using framework = await BenchFramework.subscribe(`127.0.0.1:${daemons.master.port}`, clock, signal)
  const uri = { value: `${server.url}/${BYTES}/file`, cache: true, extract: false }
  /** From ACCEPT to TASK_RUNNING, ms. */
  const start = async (uris: (typeof uri)[]): Promise<number> => {
    const task = await framework.launchOne((id, offer) => {
      const plain = commandTask({ id, offer, command: 'true', cpus: TASK_CPUS, mem: TASK_MEM })
      return { ...plain, command: { ...plain.command, uris } }
    })
    const ms = (await task.running) - task.acceptedAt
    await task.over
    return ms
  }
  say(`${PAIRS} pairs of tasks, with a cached URI of 16 MiB and without one`)
  const first = await start([uri])
  await start([])
  const added: number[] = []
  for (let pair = 0; pair < PAIRS; pair++) {
    const [without, cached] = [await start([]), await start([uri])]
    added.push(cached - without)
  }
  return [
    figure('start of the first task, which downloads 16 MiB', first, 'ms'),
    figure('added to the start of the next by the cached URI, median', median(added), 'ms', '<= 50'),
  ]
}
