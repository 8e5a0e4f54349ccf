/**
 * The pictures of the web page in README and docs: a live cluster of two agents on this machine, owners that work in
 * waves and borrowers that use the rest, as Chromium shows it. Takes about two minutes.
 *
 * node scripts/page-pictures.ts [SECONDS]: how long the cluster lives before the pictures (default 100).
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../src/base/clock.ts'
import { commandTask, type Offer } from '../src/sdk/sdk.ts'
import { TestBrowser } from '../test/support/browser.ts'
import { RealFramework, startRealAgent, startRealMaster } from '../test/support/real-cluster.ts'

const FOLDER = fileURLToPath(new URL('../docs/pictures', import.meta.url))
const AGENT = [
  '--resource_estimator=usage?cold_start=3secs&window=4secs&rise=1&rise_interval=2secs&quiet=4secs&quiet_max=8secs',
  '--qos_controller=pressure',
  '--oversubscribed_resources_interval=1secs',
  '--containerizers=mesos',
  '--no-switch_user',
  '--resources=cpus:2;mem:2048;disk:5000',
]
const OWNER = { cpus: 1.5, mem: 256 }
const BORROWER = { cpus: 0.4, mem: 32 }
/** Two threads for 8 s, 25 s of rest. */
const WAVES =
  'sleep $0; while :; do for n in 1 2; do timeout 8 sh -c "while :; do :; done" & done; wait; ' +
  'echo "$(date +%T) served a wave of requests"; sleep 25; done'
const FRAMES = 'n=0; while :; do n=$((n + 1)); timeout 4 sh -c "while :; do :; done"; echo "frame $n"; done'

const VIEWS = [
  { name: 'page-overview', path: () => '', dark: false },
  { name: 'page-lending', path: () => '#/lending', dark: false },
  { name: 'page-agent', path: (agent: string) => `#/agents/${encodeURIComponent(agent)}`, dark: true },
] as const

const cpusOf = ({ resources = [] }: Offer, isLent: boolean): number =>
  resources
    .filter(({ name, revocable }) => name === 'cpus' && (revocable !== undefined) === isLent)
    .reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0)

async function main(seconds: number): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const master = stack.use(await startRealMaster('--cluster=demo'))
  for (const name of ['a1', 'a2']) {
    const folder = mkdtempSync(join(tmpdir(), 'tepui-pictures-'))
    stack.defer(() => rmSync(folder, { recursive: true, force: true }))
    const address = `127.0.0.1:${master.address.port}`
    stack.use(await startRealAgent(address, folder, ...AGENT, `--attributes=agent:${name}`))
  }
  const shop = stack.use(await RealFramework.subscribe(master, undefined, { name: 'shop' }))
  const borrows = ['PARTITION_AWARE', 'REVOCABLE_RESOURCES'] as const
  const night = stack.use(await RealFramework.subscribe(master, borrows, { name: 'render' }))
  let agent = ''
  for (const [index, id] of ['web.1', 'web.2'].entries()) {
    const command = WAVES.replace('$0', String(30 + 12 * index))
    const offer = await shop.launch(
      (one) => commandTask({ id, name: 'web', offer: one, command, ...OWNER }),
      (one) => cpusOf(one, false) >= OWNER.cpus,
    )
    agent = offer.agent_id.value
  }
  void borrow(night)
  await systemClock.sleep(seconds * 1000)
  await photograph(`http://127.0.0.1:${master.address.port}`, agent)
  for (const framework of [night, shop]) await framework.client.teardown()
  await systemClock.sleep(2000)
}

/** Takes whatever is lent, until the framework is torn down. */
async function borrow(framework: RealFramework): Promise<void> {
  for (let number = 1; ; number++) {
    const made = { id: `frame.${number}`, name: 'frame', command: FRAMES, revocable: true, ...BORROWER }
    await framework.launch(
      (offer) => commandTask({ ...made, offer }),
      (offer) => cpusOf(offer, true) >= BORROWER.cpus,
    )
  }
}

async function photograph(origin: string, agent: string): Promise<void> {
  mkdirSync(FOLDER, { recursive: true })
  await using browser = await TestBrowser.start()
  for (const { name, path, dark } of VIEWS) {
    await using page = await browser.open(origin, { dark, width: 1280, height: 860 })
    await page.go(path(agent))
    await systemClock.sleep(2500)
    await page.page.screenshot({ path: join(FOLDER, `${name}.png`) })
    for (const trouble of page.troubles) console.error(`${name}: ${trouble}`)
  }
}

await main(Number(process.argv[2] ?? 100))
process.exit(0)
