// What the kernel does for tasks under cgroup v2, read from its own files in the machine: limits, pressure, the idle
// class, quota, freeze and kill.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { amountsOf, commandTask, dockerTask, type Offer, type TaskInfo } from '../../src/sdk/sdk.ts'
import type { TaskStatus } from '../../src/wire/tasks.ts'
import { until } from '../faults/until.ts'
import { RealFramework } from '../support/real-cluster.ts'
import { type Bed, IMAGE, isRoomy } from './bed.ts'
import { coresUsed, type Group, type Reading, readings, shareWaiting } from './groups.ts'
import { wanted } from './steps.ts'

const SPIN = 'while :; do :; done'
const HOG = 'head -c 200000000 /dev/zero | tail -c 190000000 | wc -c'
/** As the one process of its container: the kernel kills processes there, not groups, and a shell could outlive one. */
const BOXED_HOG = 'exec dd if=/dev/zero of=/dev/null bs=190000000 count=1'
const MB = 1024 * 1024
const MINUTE = 60_000
const ENDLESS = new AbortController().signal
/** In the machine: the controller and the file that steers it. */
const PLUGIN = '/var/lib/tepui-steered.ts'
const ORDER = '/var/lib/tepui-steered.order'
const CPU_FILES = ['cpu.stat', 'cpu.pressure', 'cpu.max', 'cpu.idle', 'cpu.weight'] as const

const pidOf = ({ container_status }: TaskStatus): number => container_status?.executor_pid ?? 0

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
      const [pid = ''] = await machines.lines('a1', 'docker inspect -f "{{.State.Pid}}" $(docker ps -q)')
      const files = ['memory.max', 'cpu.weight', 'pids.max']
      const { task } = await readings(machines, { task: { pid: Number(pid) } }, files)
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

/** Waits until the group and all that was in it are gone. */
async function nothingOf({ machines }: Bed, group: Reading): Promise<object> {
  const gone = async (): Promise<boolean> => {
    const script = `[ -e /sys/fs/cgroup${group.path} ] && echo there || echo gone`
    return (await machines.lines('a1', script)).at(-1) === 'gone'
  }
  await until(gone, 5 * MINUTE, `the group ${group.path} was gone`, ENDLESS)
  return { goneGroup: group.path }
}

/** The agent of `a1` with a controller that does what it is told; afterwards the one that it had. */
export async function lending(bed: Bed): Promise<void> {
  const { machines, steps } = bed
  const text = readFileSync(join(import.meta.dirname, '..', 'support', 'plugins', 'steered.ts'))
  const ready = await steps.step('an agent lends by a plug-in that was brought along', async () => {
    await machines.inside(
      'a1',
      [
        `echo ${text.toString('base64')} | base64 -d >${PLUGIN}`,
        `: >${ORDER}`,
        'cp /etc/tepui/agent.env /etc/tepui/agent.env.before',
        `echo TEPUI_RESOURCE_ESTIMATOR="\\"fixed?resources=cpus:1;mem:256\\"" >>/etc/tepui/agent.env`,
        `echo TEPUI_QOS_CONTROLLER="${PLUGIN}?file=${ORDER}" >>/etc/tepui/agent.env`,
        'systemctl restart tepui-agent',
      ].join('\n'),
    )
    await bed.agentsBack(10)
    const said = await machines.lines('a1', 'journalctl -u tepui-agent -o cat | grep "^lending:" | tail -n 1')
    wanted(said.join('').includes('steered'), 'expected the plug-in', said)
    return said
  })
  if (ready) await borrowers(bed)
  await steps.step('the agent goes back to its own controller', async () => {
    await machines.inside(
      'a1',
      `mv /etc/tepui/agent.env.before /etc/tepui/agent.env; rm -f ${PLUGIN} ${ORDER}; systemctl restart tepui-agent`,
    )
    await bed.agentsBack(10)
    return 'restarted'
  })
}

const isLent = (offer: Offer): boolean => amountsOf(offer, { revocable: true }).cpus >= 0.5

async function borrowers(bed: Bed): Promise<void> {
  const { machines, steps } = bed
  await using framework = await RealFramework.subscribe({ address: bed.master }, ['REVOCABLE_RESOURCES'])
  const order = (word: string): Promise<string> => machines.inside('a1', `echo ${word} >${ORDER}`)
  const lent = async (): Promise<Group> => ({
    pid: pidOf(await framework.status('borrower', 'TASK_RUNNING')),
  })
  const look = async (
    restSeconds: number,
  ): Promise<{ borrower: readonly Reading[]; tier: readonly Reading[] }> => {
    const borrower = await lent()
    const files = [...CPU_FILES, 'cgroup.freeze', 'cgroup.events', 'cgroup.procs']
    const groups = { borrower, tier: { ...borrower, above: 1 } }
    return readings(machines, groups, files, { times: 2, restSeconds })
  }
  /** Until what was ordered is in the kernel's files. */
  const came = async (
    what: string,
    isThere: (now: { borrower: Reading; tier: Reading }) => boolean,
  ): Promise<void> => {
    const holds = async (): Promise<boolean> => {
      const { borrower, tier } = await look(0)
      return isThere({ borrower: borrower.at(-1) as Reading, tier: tier.at(-1) as Reading })
    }
    await until(holds, 3 * MINUTE, what, ENDLESS)
  }

  await steps.step(
    'cgroup v2: cpu.idle gives a borrower what is idle, and next to nothing beside an owner',
    async () => {
      await framework.launch((offer) => borrowerTask(offer), isLent)
      await framework.status('borrower', 'TASK_RUNNING')
      const alone = coresUsed((await look(10)).borrower)
      // Twice as many as the machine has cores, so that none is idle.
      const command = `${Array.from({ length: 8 }, () => `(${SPIN}) &`).join(' ')} wait`
      await framework.launch(
        (offer) => commandTask({ id: 'owner', offer, command, cpus: 1, mem: 64 }),
        isRoomy,
      )
      const owner = await framework.status('owner', 'TASK_RUNNING')
      const borrower = await lent()
      const groups = { owner: { pid: pidOf(owner) }, borrower, tier: { ...borrower, above: 1 } }
      const both = await readings(machines, groups, CPU_FILES, { times: 2, restSeconds: 20 })
      const saw = {
        tier: both.tier[0]?.path,
        'cpu.idle of the tier': both.tier[0]?.text('cpu.idle'),
        borrowerAlone: alone,
        borrowerBesideOwner: coresUsed(both.borrower),
        owner: coresUsed(both.owner),
      }
      await framework.client.kill('owner')
      await framework.end('owner')
      wanted(saw['cpu.idle of the tier'] === '1', 'expected the idle class', saw)
      wanted(alone > 0.5, 'expected the borrower to use an idle core', saw)
      wanted(saw.borrowerBesideOwner < 0.1 * saw.owner, 'expected the owner to go first', saw)
      return saw
    },
  )
  await steps.step('cgroup v2: a squeeze is the quota of the borrowers, and ends', async () => {
    await order('squeeze')
    await came('borrowers had a quota', ({ tier }) => /^\d/.test(tier.text('cpu.max')))
    const { borrower, tier } = await look(10)
    const saw = { 'cpu.max of the tier': tier[0]?.text('cpu.max'), coresUsed: coresUsed(borrower) }
    wanted(saw.coresUsed < 0.3, 'expected it to be held to 0.2 cpus', saw)
    await order('relax')
    await came('the quota was lifted', (now) => now.tier.text('cpu.max').startsWith('max'))
    return saw
  })
  await steps.step('cgroup v2: a frozen borrower uses nothing, and goes on when it is thawed', async () => {
    await order('freeze')
    await came('the borrower was frozen', (now) => now.borrower.number('cgroup.events', 'frozen') === 1)
    const frozen = (await look(10)).borrower
    await order('thaw')
    await came('the borrower was thawed', (now) => now.borrower.number('cgroup.events', 'frozen') === 0)
    const thawed = (await look(10)).borrower
    const saw = {
      'cgroup.freeze': frozen.map((one) => one.text('cgroup.freeze')),
      'cgroup.events': frozen.at(-1)?.text('cgroup.events'),
      coresFrozen: coresUsed(frozen),
      coresThawed: coresUsed(thawed),
    }
    wanted(saw.coresFrozen === 0 && saw.coresThawed > 0.3, 'expected nothing, then work', saw)
    return saw
  })
  await steps.step(
    'cgroup v2: kill ends all that an evicted borrower started, and it is told so',
    async () => {
      const [group] = (await look(0)).borrower as [Reading]
      const pids = group.text('cgroup.procs').split(';')
      wanted(pids.length >= 2, 'expected the process that left its session too', pids)
      const since = systemClock.monotonic()
      await order('evict')
      const { message, reason, state } = await framework.end('borrower')
      const toldAfterSeconds = Math.round((systemClock.monotonic() - since) / 1000)
      const gone = await nothingOf(bed, group)
      const left = await machines.lines(
        'a1',
        `for p in ${pids.join(' ')}; do [ -d /proc/$p ] && echo $p; done; true`,
      )
      const saw = { state, reason, message, toldAfterSeconds, processes: pids, left, ...gone }
      wanted(state === 'TASK_GONE' || state === 'TASK_LOST', 'expected the state of what was taken back', saw)
      wanted(left.length === 0, 'expected every process to be gone', saw)
      return saw
    },
  )
}

/** It hears no SIGTERM, and part of it has left its session. */
function borrowerTask(offer: Offer): TaskInfo {
  const deaf = 'trap "" TERM'
  const command = `${deaf}; setsid sh -c '${deaf}; while :; do sleep 1000; done' & ${SPIN}`
  return commandTask({ id: 'borrower', offer, command, cpus: 0.5, mem: 64, revocable: true })
}
