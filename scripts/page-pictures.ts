/**
 * The pictures of the web page in README and docs: a live cluster on this machine, owners that work in waves and
 * borrowers that use the rest, as Chromium shows it. Needs root, about two and a half minutes, and a machine that does
 * nothing else: what others use cannot be lent.
 *
 * node scripts/page-pictures.ts [SECONDS [FOLDER [ESTIMATOR]]]: how long the cluster lives before the pictures (default
 * 100), where they go (default docs/pictures), and how a1 decides what it lends (default usage, made quick; on a
 * machine that others use for example fixed?resources=cpus:0.8).
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../src/base/clock.ts'
import { LocalCluster } from '../src/cli/local-cluster.ts'
import { commandTask, isTerminal, launch, type Offer, Refused, SchedulerClient } from '../src/sdk/sdk.ts'
import { TestBrowser } from '../test/support/browser.ts'
import { buildPage } from '../test/support/page-build.ts'

const FOLDER = fileURLToPath(new URL('../docs/pictures', import.meta.url))
const USAGE =
  'usage?window=6secs&cold_start=3secs&percentile=1&sigma=0&headroom=0.05' +
  '&rise=0.5&rise_interval=1secs&quiet=2secs&quiet_max=4secs'

/** Quicker than the defaults, so that two minutes are enough; the parts and their rules are the same. */
const LENDING = [
  '--qos_controller=pressure?starved=8secs&starved_share=0.1&unlend=2secs&calm=2secs',
  '--oversubscribed_resources_interval=1secs',
  '--containerizers=mesos',
]

interface Wish {
  readonly name: string
  readonly command: string
  readonly cpus: number
  /** MB. */
  readonly mem: number
  /** Only on this agent. */
  readonly on?: string
  /** How many of it are alive; one that ended starts again. */
  readonly count: number
  /** Runs once. */
  readonly once?: boolean
}

const busy = (seconds: number): string => `timeout ${seconds} sh -c 'while :; do :; done'`
/** Holds so much memory until it is ended. */
const holds = (mb: number): string => `(head -c ${mb}m /dev/zero; exec sleep 10000) | tail > /dev/null &`

/** Every half a minute ten seconds of work on one core, with a little all the time. */
const WEB = `${holds(260)}
(while :; do ${busy(0.15)}; sleep 0.85; done) &
while :; do sleep 22; ${busy(10)}; echo "$(date +%T) 200 GET /checkout, a wave of customers served"; done`
const MAIL = `${holds(70)} while :; do ${busy(0.1)}; sleep 1; echo "$(date +%T) queue empty"; done`
const FRAME = `${holds(30)} n=0; while :; do n=$((n + 1)); ${busy(3)}; echo "$(date +%T) frame $n rendered"; done`
/** Reads more than its memory can hold. */
const REPORT = `echo 'reading orders of 2026-11' >&2; sleep 2; echo '1204 orders, sorting them in memory' >&2
head -c 200m /dev/zero | tail > /dev/null || exit; echo sorted`

const OWNERS: readonly Wish[] = [
  { name: 'web', command: WEB, cpus: 1.1, mem: 512, on: 'a1', count: 1 },
  { name: 'mail', command: MAIL, cpus: 0.4, mem: 192, on: 'a2', count: 1 },
  { name: 'report', command: REPORT, cpus: 0.1, mem: 64, on: 'a1', count: 1, once: true },
]
const BORROWERS: readonly Wish[] = [{ name: 'frame', command: FRAME, cpus: 0.2, mem: 48, count: 4 }]

/** A framework that keeps its wishes alive: takes what it needs of an offer and gives back the rest at once. */
async function keep(
  master: string,
  name: string,
  wishes: readonly Wish[],
  lent: boolean,
): Promise<SchedulerClient> {
  const capabilities = ['MULTI_ROLE', 'PARTITION_AWARE', ...(lent ? ['REVOCABLE_RESOURCES'] : [])] as const
  const client = await SchedulerClient.subscribe({
    master,
    framework: {
      user: 'root',
      name,
      roles: ['*'],
      capabilities: capabilities.map((type) => ({ type: type as 'MULTI_ROLE' })),
    },
  })
  const served = (async () => {
    const missing = wishes.flatMap((wish) => Array.from({ length: wish.count }, () => wish))
    const alive = new Map<string, Wish>()
    let number = 0
    for await (const event of client.events) {
      for (const offer of event.offers?.offers ?? []) {
        const free = { cpus: amountOf(offer, 'cpus', lent), mem: amountOf(offer, 'mem', false) }
        const tasks = missing
          .filter(({ cpus, mem, on }) => {
            const isThere = on === undefined || nameOf(offer) === on
            const fits = isThere && cpus <= free.cpus + 1e-6 && mem <= free.mem
            if (fits) Object.assign(free, { cpus: free.cpus - cpus, mem: free.mem - mem })
            return fits
          })
          .map((wish) => {
            missing.splice(missing.indexOf(wish), 1)
            const id = `${wish.name}.${++number}`
            alive.set(id, wish)
            const { command, cpus, mem, name: named } = wish
            return commandTask({ id, name: named, offer, command, cpus, mem, revocable: lent })
          })
        if (tasks.length > 0) await client.accept([offer], [launch(tasks)], { refuse_seconds: 1 })
        else await client.decline([offer], { refuse_seconds: missing.length > 0 ? 1 : 600 })
      }
      const status = event.update?.status
      if (status === undefined) continue
      await client.acknowledge(status)
      const wish = alive.get(status.task_id.value)
      if (wish === undefined || !isTerminal(status.state ?? '')) continue
      alive.delete(status.task_id.value)
      if (wish.once !== true) {
        missing.push(wish)
        await client.revive()
      }
    }
  })()
  served.catch((error: unknown) => {
    // Torn down while it answered an offer.
    if (!(error instanceof Refused)) throw error
  })
  return client
}

const nameOf = ({ attributes = [] }: Offer): string =>
  attributes.find(({ name }) => name === 'agent')?.text?.value ?? ''

const amountOf = ({ resources = [] }: Offer, wanted: string, isLent: boolean): number =>
  resources
    .filter(({ name, revocable }) => name === wanted && (revocable !== undefined) === isLent)
    .reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0)

async function main(seconds: number, folder: string, estimator: string): Promise<void> {
  await buildPage()
  await using stack = new AsyncDisposableStack()
  const work = mkdtempSync(join(tmpdir(), 'tepui-pictures-'))
  stack.defer(() => rmSync(work, { recursive: true, force: true }))
  const agent = (name: string, resources: string, lends: string): { name: string; flags: string[] } => ({
    name,
    flags: [
      `--resources=${resources};disk:5000;ports:[]`,
      `--attributes=agent:${name}`,
      `--resource_estimator=${lends}`,
      ...LENDING,
    ],
  })
  // Together no more than two cores, so that neither promises what the other uses.
  const agents = [agent('a1', 'cpus:1.5;mem:1024', estimator), agent('a2', 'cpus:0.5;mem:512', USAGE)]
  const place = { ip: '127.0.0.1', port: 0, enter: [] }
  const plan = { folder: work, place, agents, masterFlags: ['--cluster=demo', '--allocation_interval=500ms'] }
  const cluster = stack.use(await LocalCluster.start(plan, systemClock, new AbortController().signal))
  const shop = stack.use(await keep(cluster.address, 'shop', OWNERS, false))
  const render = stack.use(await keep(cluster.address, 'render', BORROWERS, true))
  const origin = `http://${cluster.address}`
  // While somebody looks the master asks for each second; later it is told of ten at a time.
  const looking = new AbortController()
  const read = looks(origin, looking.signal)
  await systemClock.sleep(seconds * 1000)
  await photograph(origin, folder)
  looking.abort()
  await read
  for (const framework of [render, shop]) await framework.teardown()
}

async function looks(origin: string, signal: AbortSignal): Promise<void> {
  try {
    const answer = await fetch(`${origin}/api/x1/stream`, { signal })
    for await (const piece of answer.body ?? []) if (piece.length === 0) break
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

interface View {
  readonly name: string
  readonly path: string
  readonly dark?: boolean
  readonly height: number
}

interface State {
  readonly slaves: readonly { readonly id: string; readonly attributes: { readonly agent?: string } }[]
  readonly frameworks: readonly {
    readonly id: string
    readonly completed_tasks: readonly { readonly id: string; readonly name: string }[]
  }[]
}

async function viewsOf(origin: string): Promise<readonly View[]> {
  const state = (await (await fetch(`${origin}/state`)).json()) as State
  const agent = state.slaves.find(({ attributes }) => attributes.agent === 'a1')?.id ?? ''
  const dead = state.frameworks.flatMap(({ completed_tasks, id }) =>
    completed_tasks
      .filter(({ name }) => name === 'report')
      .map((task) => `${encodeURIComponent(id)}/${task.id}`),
  )
  return [
    { name: 'page-overview', path: '', height: 880 },
    { name: 'page-agent', path: `#/agents/${encodeURIComponent(agent)}`, dark: true, height: 1000 },
    { name: 'page-lending', path: '#/lending', height: 900 },
    { name: 'page-cause', path: `#/tasks/${dead[0] ?? ''}`, height: 640 },
  ]
}

async function photograph(origin: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  await using browser = await TestBrowser.start()
  for (const { dark = false, height, name, path } of await viewsOf(origin)) {
    await using page = await browser.open(origin, { dark, width: 1100, height, sharpness: 1.5 })
    await page.go(path)
    await systemClock.sleep(2500)
    await page.page.screenshot({ path: join(folder, `${name}.png`) })
    for (const trouble of page.troubles) console.error(`${name}: ${trouble}`)
  }
}

await main(Number(process.argv[2] ?? 100), process.argv[3] ?? FOLDER, process.argv[4] ?? USAGE)
