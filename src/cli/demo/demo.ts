// Sets the stage of the demo, has the story played, and leaves nothing behind.
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { OperatingError } from '../../base/errors.ts'
import { figureSheet, machineFacts, sheetText } from '../../base/figures.ts'
import { humanBytes, humanDuration } from '../../base/units.ts'
import { TEPUI_VERSION } from '../../base/version.ts'
import type { TaskWish } from '../../frameworks/task-wish.ts'
import type { Context } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { LocalCluster } from '../local-cluster.ts'
import { MasterApi } from '../master-api.ts'
import { tell } from '../trouble.ts'
import { customerPatienceOf, demoFigures } from './figures.ts'
import { Customers } from './load.ts'
import { busyShare, readBusy } from './machine.ts'
import { type Act, Story } from './story.ts'
import { Borrowers, type DemoDeps, Service } from './tasks.ts'

const IMAGE = 'tepui/busybox:latest'

/** Quicker than the defaults, so that a minute suffices; the parts and their rules are the same. */
const LENDING = [
  // A minute knows no history: an owner's demand is its highest second of the last eight.
  '--resource_estimator=usage?window=8secs&cold_start=3secs&percentile=1&sigma=0' +
    '&rise=1&rise_interval=1secs&quiet=1secs&quiet_max=2secs',
  // The tier of the kernel gives the owner its cores at once: a borrower ends for its own sake, here soon.
  '--qos_controller=pressure?starved=3secs&starved_share=0.25&cooldown_cpu=5secs&unlend=2secs&calm=2secs',
  '--oversubscribed_resources_interval=2secs',
]

/** A fixed piece of work for a shell: about 10 ms of one core. */
const PIECE = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'

/** Above this share of the machine it is told that others use it. */
const BUSY_SHARE = 0.25

interface DemoOptions {
  readonly json: boolean
  readonly withinMs: number
}

/** Exit code 0 only if lending, take-back and recovery were seen. */
export async function runDemo(context: Context, options: DemoOptions): Promise<number> {
  const { clock, screen } = context
  const begun = clock.monotonic()
  const acts: Act[] = []
  const say = (name: string, words: string): void => {
    const at = (clock.monotonic() - begun) / 1000
    acts.push({ at: Number(at.toFixed(2)), name, words })
    const line = `[${at.toFixed(1).padStart(5)} s] ${name.padEnd(9)}  ${words}`
    if (options.json) screen.note(line)
    else screen.print(line)
  }
  const late = new AbortController()
  using _ = clock.after(options.withinMs, () =>
    late.abort(new OperatingError('LIMIT', `The demo was not over after ${humanDuration(options.withinMs)}`)),
  )
  const signal = AbortSignal.any([context.signal, late.signal])
  const stage = new DemoStage(context, { signal, say, withinMs: options.withinMs })
  let trouble: unknown
  try {
    await stage.play()
  } catch (error) {
    trouble = error
  }
  await stage[Symbol.asyncDispose]()
  if (context.signal.aborted) throw context.signal.reason
  const figures = stage.story === undefined ? [] : demoFigures(stage.story.measured, options.withinMs)
  const told = trouble === undefined ? undefined : tell('tepui demo', trouble, context.common.debug)
  const sheet = figureSheet('demo', figures, clock.now(), {
    seconds: Number(((clock.monotonic() - begun) / 1000).toFixed(2)),
    acts,
    ...(told !== undefined && { trouble: told.lines.join('\n') }),
  })
  const isOk = sheet.ok && told === undefined
  if (options.json) screen.print(JSON.stringify({ ...sheet, ok: isOk }))
  else if (figures.length > 0) screen.print(sheetText({ ...sheet, ok: isOk }))
  for (const line of told?.lines ?? []) screen.note(line)
  if (isOk && !options.json)
    screen.note('Next: tepui up, and in another terminal tepui run --lent -- COMMAND')
  return told?.exitCode ?? (isOk ? EXIT.done : EXIT.error)
}

interface StageOptions {
  readonly signal: AbortSignal
  readonly say: (name: string, words: string) => void
  readonly withinMs: number
}

class DemoStage implements AsyncDisposable {
  readonly #context: Context
  readonly #signal: AbortSignal
  readonly #say: (name: string, words: string) => void
  readonly #withinMs: number
  readonly #stack = new AsyncDisposableStack()
  story: Story | undefined

  constructor(context: Context, { say, signal, withinMs }: StageOptions) {
    this.#context = context
    this.#signal = signal
    this.#say = say
    this.#withinMs = withinMs
  }

  async play(): Promise<void> {
    const { clock } = this.#context
    const { cpus, memoryBytes, system } = machineFacts()
    this.#say('TEPUI', `${TEPUI_VERSION} on ${system}, ${cpus} cores, ${humanBytes(memoryBytes)}`)
    const before = readBusy()
    await clock.sleep(500, this.#signal)
    const busy = busyShare(before, readBusy())
    // What others use cannot be lent: the story is smaller then, and its figures swing.
    if (busy > BUSY_SHARE)
      this.#say('NOTE', `the machine is ${(busy * 100).toFixed(0)} % busy with other things`)
    const reserved = reservedHere()
    const cluster = await this.#cluster(reserved)
    const deps: DemoDeps = { clock, master: cluster.address, signal: this.#signal }
    const port = await freePort()
    const url = `http://127.0.0.1:${port}/cgi-bin/work`
    const web = this.#stack.use(await Service.start(deps, 'shop', webWish(reserved, port)))
    const neighbour = this.#stack.use(await Service.start(deps, 'mail', NEIGHBOUR))
    this.#say(
      'RUNNING',
      `web on ${web.placement.agentName}, mail on ${neighbour.placement.agentName}, both in Docker (${IMAGE})`,
    )
    const customers = this.#stack.use(new Customers(clock, url, customerPatienceOf(this.#withinMs)))
    const api = this.#stack.use(new MasterApi(cluster.address, clock, this.#signal))
    const failed = Promise.withResolvers<never>()
    void cluster.died.then((trouble) => failed.reject(trouble))
    const story = new Story(
      {
        ...deps,
        service: url,
        web,
        neighbour,
        reserved,
        withinMs: this.#withinMs,
        borrow: (onNote) => Borrowers.start(deps, WORKER, 2, onNote, failed.reject),
        tell: this.#say,
      },
      customers,
      api,
    )
    this.story = story
    const played = story.play()
    await Promise.race([played, failed.promise]).catch(async (error: unknown) => {
      // The story ends its borrowers itself; wait for it, then tell what went wrong first.
      await Promise.allSettled([played])
      throw error
    })
  }

  async #cluster(reserved: number): Promise<LocalCluster> {
    const { clock } = this.#context
    const folder = await mkdtemp(join(tmpdir(), 'tepui-demo-'))
    this.#stack.defer(() => rm(folder, { recursive: true, force: true }))
    const agent = (name: string, resources: string): { name: string; flags: string[] } => ({
      name,
      flags: [
        `--resources=${resources};disk:1024;ports:[]`,
        `--attributes=agent:${name}`,
        '--docker_remove_delay=0ns',
        ...LENDING,
      ],
    })
    const agents = [agent('a1', `cpus:${reserved};mem:512`), agent('a2', 'cpus:0.5;mem:256')]
    const place = { ip: '127.0.0.1', port: 0, enter: [] }
    const plan = { folder, place, agents, masterFlags: ['--allocation_interval=500ms'] }
    const begun = clock.monotonic()
    const cluster = await LocalCluster.start(plan, clock, this.#signal)
    this.#stack.use(cluster)
    const isolation = cluster.agents[0]?.summary[1] ?? ''
    this.#say('STARTED', `a master and 2 agents in ${humanDuration(clock.monotonic() - begun)}; ${isolation}`)
    if (!isolation.includes('no Docker Engine')) return cluster
    throw new OperatingError('ENGINE', 'The demo needs a Docker Engine, and none answers here', {
      hint: 'Type `npm run demo`, which brings one, or start the one that you have',
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}

/** Three quarters of the machine: enough that what lies idle is worth lending, and room for the rest of the demo. */
function reservedHere(): number {
  return Math.max(0.75, Math.floor(availableParallelism() * 0.75 * 10) / 10)
}

function webWish(cpus: number, port: number): TaskWish {
  const answer = "printf 'Content-Type: text/plain\\r\\n\\r\\nok\\n'"
  const setUp = [
    'mkdir -p /tmp/www/cgi-bin',
    `printf '%s\\n' '#!/bin/sh' '${PIECE}' "${answer.replaceAll('\\', '\\\\')}" > /tmp/www/cgi-bin/work`,
    'chmod 755 /tmp/www/cgi-bin/work',
    `exec httpd -f -p 127.0.0.1:${port} -h /tmp/www`,
  ].join(' && ')
  return {
    name: 'web',
    image: IMAGE,
    command: setUp,
    cpus,
    mem: 128,
    revocable: false,
    on: 'a1',
    network: 'HOST',
    graceMs: 500,
  }
}

/** A task on the other agent, which no take-back may touch. */
const NEIGHBOUR: TaskWish = {
  name: 'mail',
  image: IMAGE,
  command: 'exec sleep 600',
  cpus: 0.2,
  mem: 32,
  revocable: false,
  on: 'a2',
  network: 'NONE',
  graceMs: 500,
}

/** One byte on its standard output for every piece of work. */
const WORKER: TaskWish = {
  name: 'batch',
  image: IMAGE,
  // The first process of a container ignores what it does not handle.
  command: `trap 'exit 143' TERM; while :; do ${PIECE}; printf u; done`,
  cpus: 0.2,
  mem: 32,
  revocable: true,
  network: 'NONE',
  graceMs: 500,
}

/** A port that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0
      server.close(() => resolve(port))
    })
  })
}
