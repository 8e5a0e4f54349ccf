// What the kernel does for borrowers under cgroup v2, read from its own files in the machine: the idle class, the
// quota of all of them, freeze and kill. A controller that was brought along orders it, as one of ours would.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { amountsOf, commandTask, dockerTask, type Offer, type TaskInfo } from '../../src/sdk/sdk.ts'
import { until } from '../faults/until.ts'
import { RealFramework } from '../support/real-cluster.ts'
import { type Bed, IMAGE, isRoomy, nothingOf, onlyContainer, pidOf, SPIN } from './bed.ts'
import { coresUsed, CPU_FILES, type Group, type Reading, readings } from './groups.ts'
import { wanted } from './steps.ts'

const MINUTE = 60_000
const ENDLESS = new AbortController().signal
/** In the machine: the controller and the file that steers it. */
const PLUGIN = '/var/lib/tepui-steered.ts'
const ORDER = '/var/lib/tepui-steered.order'

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
  if (ready) {
    await using framework = await RealFramework.subscribe({ address: bed.master }, ['REVOCABLE_RESOURCES'])
    const lender = new Lender(bed, framework)
    await steps.step(
      'cgroup v2: cpu.idle gives a borrower what is idle, and next to nothing beside an owner',
      () => idleClass(lender),
    )
    await steps.step('cgroup v2: a squeeze is the quota of the borrowers, and ends', () => squeeze(lender))
    await steps.step('cgroup v2: a frozen borrower uses nothing, and goes on when it is thawed', () =>
      freeze(lender),
    )
    await steps.step("systemd: a reload takes nothing from the slice of Docker's borrowers", () =>
      reload(lender),
    )
    await steps.step('cgroup v2: kill ends all that an evicted borrower started, and it is told so', () =>
      kill(lender),
    )
  }
  await steps.step('the agent goes back to its own controller', async () => {
    await machines.inside(
      'a1',
      `mv /etc/tepui/agent.env.before /etc/tepui/agent.env; rm -f ${PLUGIN} ${ORDER}; systemctl restart tepui-agent`,
    )
    await bed.agentsBack(10)
    return 'restarted'
  })
}

interface Seen<What> {
  readonly borrower: What
  /** The group of all borrowers. */
  readonly tier: What
}

/** The agent that does what it is told, and the one borrower on it. */
class Lender {
  readonly bed: Bed
  readonly framework: RealFramework

  constructor(bed: Bed, framework: RealFramework) {
    this.bed = bed
    this.framework = framework
  }

  order(word: string): Promise<string> {
    return this.bed.machines.inside('a1', `echo ${word} >${ORDER}`)
  }

  async groups(): Promise<Seen<Group>> {
    const borrower = { pid: pidOf(await this.framework.status('borrower', 'TASK_RUNNING')) }
    return { borrower, tier: { ...borrower, above: 1 } }
  }

  async look(restSeconds: number): Promise<Seen<readonly Reading[]>> {
    const files = [...CPU_FILES, 'cgroup.freeze', 'cgroup.events', 'cgroup.procs']
    const { borrower, tier } = await this.groups()
    return readings(this.bed.machines, { borrower, tier }, files, { times: 2, restSeconds })
  }

  /** Until what was ordered is in the kernel's files. */
  async came(what: string, isThere: (now: Seen<Reading>) => boolean): Promise<void> {
    const holds = async (): Promise<boolean> => {
      const { borrower, tier } = await this.look(0)
      return isThere({ borrower: borrower.at(-1) as Reading, tier: tier.at(-1) as Reading })
    }
    await eventually(holds, what)
  }
}

const eventually = (isSo: () => Promise<boolean>, what: string): Promise<void> =>
  until(isSo, 3 * MINUTE, what, ENDLESS)

const isLent = (offer: Offer): boolean => amountsOf(offer, { revocable: true }).cpus >= 0.5

/** It hears no SIGTERM, and part of it has left its session. */
function borrowerTask(offer: Offer): TaskInfo {
  const deaf = 'trap "" TERM'
  const command = `${deaf}; setsid sh -c '${deaf}; while :; do sleep 1000; done' & ${SPIN}`
  return commandTask({ id: 'borrower', offer, command, cpus: 0.5, mem: 64, revocable: true })
}

async function idleClass(lender: Lender): Promise<unknown> {
  const { bed, framework } = lender
  await framework.launch((offer) => borrowerTask(offer), isLent)
  await framework.status('borrower', 'TASK_RUNNING')
  const alone = coresUsed((await lender.look(10)).borrower)
  // Twice as many as the machine has cores, so that none is idle.
  const command = `${Array.from({ length: 8 }, () => `(${SPIN}) &`).join(' ')} wait`
  await framework.launch((offer) => commandTask({ id: 'owner', offer, command, cpus: 1, mem: 64 }), isRoomy)
  const owner = { pid: pidOf(await framework.status('owner', 'TASK_RUNNING')) }
  const { borrower, tier } = await lender.groups()
  const wait = { times: 2, restSeconds: 20 }
  const both = await readings(bed.machines, { owner, borrower, tier }, CPU_FILES, wait)
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
}

async function squeeze(lender: Lender): Promise<unknown> {
  await lender.order('squeeze')
  await lender.came('borrowers had a quota', ({ tier }) => /^\d/.test(tier.text('cpu.max')))
  const { borrower, tier } = await lender.look(10)
  const saw = { 'cpu.max of the tier': tier[0]?.text('cpu.max'), coresUsed: coresUsed(borrower) }
  wanted(saw.coresUsed < 0.3, 'expected it to be held to 0.2 cpus', saw)
  await lender.order('relax')
  await lender.came('the quota was lifted', (now) => now.tier.text('cpu.max').startsWith('max'))
  return saw
}

async function freeze(lender: Lender): Promise<unknown> {
  const isFrozen = ({ borrower }: Seen<Reading>): boolean => borrower.number('cgroup.events', 'frozen') === 1
  await lender.order('freeze')
  await lender.came('the borrower was frozen', isFrozen)
  const frozen = (await lender.look(10)).borrower
  await lender.order('thaw')
  await lender.came('the borrower was thawed', (now) => !isFrozen(now))
  const thawed = (await lender.look(10)).borrower
  const saw = {
    'cgroup.freeze': frozen.map((one) => one.text('cgroup.freeze')),
    'cgroup.events': frozen.at(-1)?.text('cgroup.events'),
    coresFrozen: coresUsed(frozen),
    coresThawed: coresUsed(thawed),
  }
  wanted(saw.coresFrozen === 0 && saw.coresThawed > 0.3, 'expected nothing, then work', saw)
  return saw
}

/** systemd makes the slice that Docker's borrowers live in, and writes its settings from a book of its own. */
async function reload(lender: Lender): Promise<unknown> {
  const { bed, framework } = lender
  const lodger = { id: 'lodger', image: IMAGE, command: SPIN, cpus: 0.1, mem: 32, revocable: true }
  await framework.launch((offer) => dockerTask({ ...lodger, offer }), isLent)
  await framework.status('lodger', 'TASK_RUNNING')
  const groups = { slice: { pid: await onlyContainer(bed), above: 1 } }
  const now = async (): Promise<Reading> =>
    (await readings(bed.machines, groups, ['cpu.idle', 'cpu.max'])).slice[0] as Reading
  const untilQuota = (what: string, isSo: (quota: string) => boolean): Promise<void> =>
    eventually(async () => isSo((await now()).text('cpu.max')), what)
  await lender.order('squeeze')
  await untilQuota('the slice had a quota', (quota) => /^\d/.test(quota))
  const before = await now()
  // Right behind the reload, in the same breath: what the agent puts right later does not show here.
  const idle = `cat /sys/fs/cgroup${before.path}/cpu.idle`
  const [rightAfter] = await bed.machines.lines('a1', `systemctl daemon-reload; ${idle}`)
  await untilQuota('the slice had its quota again', (quota) => quota === before.text('cpu.max'))
  const after = await now()
  await lender.order('relax')
  await untilQuota('the quota was lifted', (quota) => quota.startsWith('max'))
  await framework.client.kill('lodger')
  await framework.end('lodger')
  const idles = [before.text('cpu.idle'), rightAfter, after.text('cpu.idle')]
  const saw = {
    slice: before.path,
    'cpu.idle before, right after and later': idles,
    'cpu.max before and later': [before.text('cpu.max'), after.text('cpu.max')],
  }
  wanted(before.path.endsWith('.slice'), 'expected a slice of systemd', saw)
  wanted(
    idles.every((one) => one === '1'),
    'expected the idle class throughout',
    saw,
  )
  return saw
}

async function kill(lender: Lender): Promise<unknown> {
  const { bed, framework } = lender
  const [group] = (await lender.look(0)).borrower as [Reading]
  const pids = group.text('cgroup.procs').split(';')
  wanted(pids.length >= 2, 'expected the process that left its session too', pids)
  const since = systemClock.monotonic()
  await lender.order('evict')
  const { message, reason, state } = await framework.end('borrower')
  const toldAfterSeconds = Math.round((systemClock.monotonic() - since) / 1000)
  const gone = await nothingOf(bed, group)
  const script = `for p in ${pids.join(' ')}; do [ -d /proc/$p ] && echo $p; done; true`
  const left = await bed.machines.lines('a1', script)
  const saw = { state, reason, message, toldAfterSeconds, processes: pids, left, ...gone }
  // Without PARTITION_AWARE, TASK_GONE is told as TASK_LOST.
  wanted(state === 'TASK_LOST', 'expected the state of what was taken back', saw)
  wanted(left.length === 0, 'expected every process to be gone', saw)
  return saw
}
