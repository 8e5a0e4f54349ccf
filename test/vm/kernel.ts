// What the kernel does for tasks of both containerizers under cgroup v2, read from its own files in the machine:
// limits, pressure, kills for memory, and that nothing is left.
import { commandTask, dockerTask } from '../../src/sdk/sdk.ts'
import type { TaskStatus } from '../../src/wire/tasks.ts'
import { RealFramework } from '../support/real-cluster.ts'
import { type Bed, IMAGE, isRoomy, nothingOf, pidOf, SPIN, onlyContainer } from './bed.ts'
import { coresUsed, CPU_FILES, type Reading, readings, shareWaiting } from './groups.ts'
import { wanted } from './steps.ts'

const HOG = 'head -c 200000000 /dev/zero | tail -c 190000000 | wc -c'
/** As the one process of its container: the kernel kills processes there, not groups, and a shell could outlive one. */
const BOXED_HOG = 'exec dd if=/dev/zero of=/dev/null bs=190000000 count=1'
const MB = 1024 * 1024

/** What the kernel itself wrote about its last kill for memory. */
async function lastOomKill({ machines }: Bed): Promise<string> {
  const lines = await machines.lines('a1', 'dmesg | grep "oom-kill:" | tail -n 1')
  return lines.at(-1) ?? ''
}

export async function owners(bed: Bed): Promise<void> {
  const { machines, steps } = bed
  await using framework = await RealFramework.subscribe({ address: bed.master })
  await steps.step(
    'cgroup v2: limits of cpu and memory are in the files of the kernel, and it holds them',
    async () => {
      await framework.launch(
        (offer) => ({
          ...commandTask({ id: 'limited', offer, command: SPIN, cpus: 0.1, mem: 64 }),
          limits: { cpus: { value: 0.3 } },
        }),
        isRoomy,
      )
      const pid = pidOf(await framework.status('limited', 'TASK_RUNNING'))
      const files = [...CPU_FILES, 'memory.max', 'memory.swap.max', 'memory.low', 'pids.max', 'cgroup.freeze']
      const { task } = await readings(machines, { task: { pid } }, files, { times: 2, restSeconds: 15 })
      const last = task.at(-1) as Reading
      const saw = {
        ...Object.fromEntries(files.slice(2).map((file) => [file, last.text(file)])),
        coresUsed: coresUsed(task),
        periodsThrottled: last.number('cpu.stat', 'nr_throttled'),
      }
      wanted(last.text('cpu.max') === '30000 100000', 'expected 0.3 cpus', saw)
      wanted(last.text('cpu.weight') === '10', 'expected the weight of 0.1 cpus', saw)
      wanted(last.text('memory.max') === String(64 * MB), 'expected 64 MiB', saw)
      wanted(last.text('cpu.idle') === '0', 'expected an owner outside of the idle class', saw)
      wanted(saw.coresUsed > 0.1 && saw.coresUsed < 0.34, 'expected it to be held to 0.3 cpus', saw)
      wanted(saw.periodsThrottled > 10, 'expected it to be throttled', saw)
      return saw
    },
  )
  await steps.step('cgroup v2: pressure (PSI) of a task that waits for its cpu grows with time', async () => {
    const pid = pidOf(await framework.status('limited', 'TASK_RUNNING'))
    const { task } = await readings(machines, { task: { pid } }, CPU_FILES, { times: 2, restSeconds: 15 })
    const share = shareWaiting(task)
    const saw = { shareWaiting: share, 'cpu.pressure': task.at(-1)?.text('cpu.pressure') }
    wanted(share > 0.3 && share < 1.1, 'expected it to wait for most of the time', saw)
    return saw
  })
  await steps.step('a task that is killed is told so, and nothing is left of its group', async () => {
    const before = await framework.status('limited', 'TASK_RUNNING')
    const { task } = await readings(machines, { task: { pid: pidOf(before) } }, ['cgroup.procs'])
    await framework.client.kill('limited')
    const { state } = await framework.end('limited')
    wanted(state === 'TASK_KILLED', 'expected TASK_KILLED', state)
    return { state, ...(await nothingOf(bed, task[0] as Reading)) }
  })
  await steps.step('cgroup v2: a task above its memory is killed by the kernel, and told so', async () => {
    await framework.launch(
      (offer) => commandTask({ id: 'hog', offer, command: HOG, cpus: 0.5, mem: 48 }),
      isRoomy,
    )
    const end = await framework.end('hog')
    const saw = await toldOfMemory(bed, end)
    const container = end.container_status?.container_id?.value ?? 'a container'
    wanted(saw.kernel.includes(container), 'expected the kernel to name its group', { container, ...saw })
    return saw
  })
}

/** Docker tasks, also those of the demo, run of it. */
export async function image({ machines, steps }: Bed): Promise<void> {
  await steps.step('an image without a registry', async () =>
    (await machines.inside('a1', `tepui image build ${IMAGE}`)).trim(),
  )
}

export async function docker(bed: Bed): Promise<void> {
  const { machines, steps } = bed
  await using framework = await RealFramework.subscribe({ address: bed.master })
  await steps.step('a Docker task runs and its end is told', async () => {
    await framework.launch(
      (offer) => dockerTask({ id: 'boxed', offer, image: IMAGE, command: 'exit 7', cpus: 0.1, mem: 64 }),
      isRoomy,
    )
    const { message, state } = await framework.end('boxed')
    wanted(state === 'TASK_FAILED' && /status 7/.test(message ?? ''), 'expected status 7', { state, message })
    return { state, message }
  })
  await steps.step(
    'cgroup v2: limits of a Docker task are in the files of the kernel; its kill leaves nothing',
    async () => {
      await framework.launch(
        (offer) =>
          dockerTask({ id: 'docked', offer, image: IMAGE, command: 'sleep 100000', cpus: 0.5, mem: 64 }),
        isRoomy,
      )
      await framework.status('docked', 'TASK_RUNNING')
      const files = ['memory.max', 'cpu.weight', 'pids.max']
      const { task } = await readings(machines, { task: { pid: await onlyContainer(bed) } }, files)
      const [group] = task as [Reading]
      const saw = { group: group.path, ...Object.fromEntries(files.map((file) => [file, group.text(file)])) }
      wanted(group.text('memory.max') === String(64 * MB), 'expected 64 MiB', saw)
      await framework.client.kill('docked')
      const { state } = await framework.end('docked')
      wanted(state === 'TASK_KILLED', 'expected TASK_KILLED', state)
      return { ...saw, state, ...(await nothingOf(bed, group)) }
    },
  )
  await steps.step(
    'cgroup v2: a Docker task above its memory is killed by the kernel, and told so',
    async () => {
      await framework.launch(
        (offer) => dockerTask({ id: 'dockhog', offer, image: IMAGE, command: BOXED_HOG, cpus: 0.5, mem: 48 }),
        isRoomy,
      )
      return toldOfMemory(bed, await framework.end('dockhog'))
    },
  )
}

interface OomSeen {
  readonly reason: string | undefined
  readonly message: string | undefined
  /** The line of the kernel's own log. */
  readonly kernel: string
}

async function toldOfMemory(bed: Bed, { message, reason }: TaskStatus): Promise<OomSeen> {
  const saw = { reason, message, kernel: await lastOomKill(bed) }
  wanted(reason === 'REASON_CONTAINER_LIMITATION_MEMORY', 'expected the limit as reason', saw)
  wanted(/48 MiB/.test(message ?? ''), 'expected the figures', saw)
  wanted(/constraint=CONSTRAINT_MEMCG/.test(saw.kernel), 'expected a kill within a group', saw)
  return saw
}
