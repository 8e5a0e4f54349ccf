// The owners: real servers in Docker, with the load generator beside them in the owners' tier.
import { OperatingError } from '../../src/base/errors.ts'
import type { LoadPhase, LoadResult } from './load.ts'
import type { LendRig } from './rig.ts'
import type { Wish } from './tasks.ts'
import { freePort, Worker } from './worker.ts'

interface Service {
  readonly command: (port: number) => Wish['run']
  readonly prepare?: string
  readonly request: string
}

const VALUE = 'x'.repeat(64)

export const SERVICES: Readonly<Record<string, Service>> = {
  redis: {
    command: (port) => ['redis-server', '--port', `${port}`, '--bind', '127.0.0.1', '--save', ''],
    prepare: `SET k ${VALUE}\r\n`,
    request: 'GET k\r\n',
  },
  memcached: {
    command: (port) => ['memcached', '-u', 'root', '-t', '2', '-l', '127.0.0.1', '-p', `${port}`],
    prepare: `set k 0 0 ${VALUE.length}\r\n${VALUE}\r\n`,
    request: 'get k\r\n',
  },
  nginx: {
    command: (port) => ['sh', '-c', `${nginxConfig(port)} && exec nginx -c /tmp/nginx.conf -g 'daemon off;'`],
    request: 'GET /1k HTTP/1.1\r\nHost: bench\r\n\r\n',
  },
}

/** One owner under load. */
export interface Owner extends AsyncDisposable {
  readonly name: string
  phase(rate: number, seconds: number, seed: number): Promise<LoadResult>
}

const SERVER_CPUS = 1
const LOAD_CPUS = 0.9
/** p99 beyond which an owner counts as overloaded, ms (spec/lending.md 4.2). */
const KNEE_P99_MS = 1
const STAIR_SECONDS = 0.6
const STAIR_TRIES = 3
const FIRST_RATE = 2000
const STAIR = 1.3
const HIGHEST_RATE = 60_000

export async function startOwner(rig: LendRig, name: string): Promise<Owner> {
  const service = SERVICES[name]
  if (service === undefined) {
    const known = Object.keys(SERVICES).join(', ')
    throw new OperatingError('USAGE', `--owner is '${name}': expected one of ${known}`)
  }
  await using stack = new AsyncDisposableStack()
  const port = await freePort()
  const run = service.command(port)
  const server = await rig.start(rig.owners, { name, cpus: SERVER_CPUS, mem: 256, docker: true, run })
  stack.defer(async () => {
    await server.kill()
    await server.over
  })
  const worker = stack.use(
    await Worker.start<LoadPhase, LoadResult>(rig, { program: 'load', cpus: LOAD_CPUS, mem: 512 }),
  )
  const { prepare, request } = service
  const common = { port, request, ...(prepare !== undefined && { prepare }) }
  // The server may need a moment until it listens.
  await rig.sleep(500)
  const owned = stack.move()
  return {
    name,
    phase: (rate, seconds, seed) => worker.ask({ ...common, rate, seconds, seed }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The highest rate with a p99 below 1 ms on a machine without borrowers, by stairs; each gets some tries. */
export async function findKnee(rig: LendRig, owner: Owner): Promise<number> {
  let knee = 0
  for (let rate = FIRST_RATE; rate <= HIGHEST_RATE; rate = Math.round(rate * STAIR)) {
    if (!(await keepsUp(rig, owner, rate))) break
    knee = rate
  }
  if (knee > 0) return knee
  throw new OperatingError(
    'LIMIT',
    `${owner.name} has a p99 of ${KNEE_P99_MS} ms or more at ${FIRST_RATE} requests/s already`,
    { hint: 'Something else uses the machine: measure when it is quiet, or give the knee with --knee' },
  )
}

/** One quiet moment is enough to show what the owner can do; a busy one says nothing. */
async function keepsUp(rig: LendRig, owner: Owner, rate: number): Promise<boolean> {
  for (let attempt = 1; attempt <= STAIR_TRIES; attempt++) {
    const { value } = await rig.measured(() => owner.phase(rate, STAIR_SECONDS, attempt))
    rig.context.say(`  ${rate} requests/s: p99 ${value.p99.toFixed(3)} ms`)
    if (value.p99 < KNEE_P99_MS && value.seconds < STAIR_SECONDS * 1.1) return true
  }
  return false
}

function nginxConfig(port: number): string {
  const server = `server { listen 127.0.0.1:${port}; root /srv; keepalive_requests 100000000; }`
  const http = `http { access_log off; keepalive_timeout 1h; ${server} }`
  const main = 'user root; worker_processes 2; pid /tmp/nginx.pid; error_log /dev/null; events { }'
  return `echo '${main} ${http}' > /tmp/nginx.conf`
}
