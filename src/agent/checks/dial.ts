/**
 * Connects to what listens inside of a container, as Mesos does: from within its network. Where that is the machine's,
 * directly; else through a small process that enters it and hands the bytes on; where we may not enter, through the
 * address that the container has outside.
 */
import { existsSync } from 'node:fs'
import { readlink } from 'node:fs/promises'
import { connect as open } from 'node:net'
import { Duplex, type Readable, type Writable } from 'node:stream'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import { startGroup } from '../../base/exec.ts'
import { Tail } from '../../base/tail.ts'
import type { TaskInfo } from '../../wire/tasks.ts'
import type { Place } from './ask.ts'
import type { Dial, Probed } from './probe.ts'

/** A program that connects to `$1:$2`, says so with one byte, and copies both ways. */
export interface Connector {
  readonly file: string
  readonly args: readonly string[]
}

// Whichever side ends first ends all of it: the group is its own, and our end closes its standard input.
const BASH = `exec 3<>"/dev/tcp/$1/$2" 4<&0 || exit 1
printf +
{ cat <&4 >&3; kill 0; } >/dev/null 2>&1 &
exec cat <&3`

const NODE = `const [host, port] = process.argv.slice(1)
const out = require('node:net').connect(Number(port), host, () => {
  process.stdout.write('+')
  out.pipe(process.stdout)
  process.stdin.on('end', () => process.exit(0)).pipe(out)
})
out.on('close', () => process.exit(0))
out.on('error', (error) => { console.error(error.message); process.exit(1) })`

/** Starts in milliseconds, where a machine has it. */
export const bashConnector = (file: string): Connector => ({ file, args: ['-c', BASH, 'connect'] })
/** Is always there, and takes ten times as long. */
export const nodeConnector: Connector = { file: process.execPath, args: ['-e', NODE, '--'] }

function connectorOfMachine(): Connector {
  const bash = ['/bin/bash', '/usr/bin/bash'].find((file) => existsSync(file))
  return bash === undefined ? nodeConnector : bashConnector(bash)
}

export function dialWith(connector: Connector = connectorOfMachine()): Dial {
  return async (place, container, task, signal) => {
    switch (await networkOf(container, task)) {
      case 'host':
        return connectTo(place, signal)
      case 'own':
        return relayTo(place, container.pid ?? 0, connector, signal)
      case 'closed':
        return connectTo({ host: addressFor(place, container), port: place.port }, signal)
    }
  }
}

/** `closed`: of its own, and we may not even look at it. */
async function networkOf({ pid }: Probed, task: TaskInfo): Promise<'host' | 'own' | 'closed'> {
  if (pid === undefined) {
    if (sharesByName(task)) return 'host'
    throw new OperatingError('LAUNCH', 'the first process of the container is not known')
  }
  try {
    const [own, theirs] = await Promise.all([readlink('/proc/self/ns/net'), readlink(`/proc/${pid}/ns/net`)])
    return own === theirs ? 'host' : 'own'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES')
      throw new OperatingError('LAUNCH', `the network of process ${pid} cannot be found`, { cause: error })
    return sharesByName(task) ? 'host' : 'closed'
  }
}

/** By what the task asked for: the machine's network is the default of Docker tasks, and the only one of others. */
function sharesByName({ container }: TaskInfo): boolean {
  return container?.type !== 'DOCKER' || (container.docker?.network ?? 'HOST') === 'HOST'
}

function addressFor({ host }: Place, { addresses }: Probed): string {
  if (host !== '127.0.0.1' && host !== '::1') return host
  const address = addresses.find((one) => one.includes(':') === host.includes(':'))
  if (address !== undefined) return address
  throw new OperatingError(
    'LAUNCH',
    'this agent may not enter the network of the container, which has no address outside: run the agent as root',
  )
}

/** Kept of what the process between says. */
const ERROR_BYTES = 1024

const unreachable = ({ host, port }: Place, why: string): OperatingError =>
  new OperatingError('UNREACHABLE', `${host}:${port}: ${why}`)

function connectTo(place: Place, signal: AbortSignal): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  const socket = open(place.port, place.host)
  const end = (): void => void socket.destroy(signal.reason as Error)
  signal.addEventListener('abort', end, { once: true })
  socket.on('close', () => signal.removeEventListener('abort', end))
  socket.on('connect', () => resolve(socket))
  socket.on('error', (error) => reject(signal.aborted ? error : unreachable(place, reasonOf(error))))
  if (signal.aborted) end()
  return promise
}

async function relayTo(
  place: Place,
  pid: number,
  { args, file }: Connector,
  signal: AbortSignal,
): Promise<Duplex> {
  const words = [`--net=/proc/${pid}/ns/net`, '--', file, ...args, place.host, String(place.port)]
  signal.throwIfAborted()
  const relay = await startGroup('nsenter', words)
  const errors = new Tail(ERROR_BYTES)
  relay.stderr.on('data', (chunk: Buffer) => errors.take(chunk))
  const end = (): void => relay.kill()
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  if (await isOpen(relay.stdout)) {
    const connection = joined(relay.stdout, relay.stdin)
    connection.on('close', () => {
      signal.removeEventListener('abort', end)
      end()
    })
    // To be ended before both sides are through is an error to it.
    connection.on('error', () => undefined)
    return connection
  }
  signal.removeEventListener('abort', end)
  await relay.exited
  end()
  signal.throwIfAborted()
  throw refusal(place, errors.text.trim())
}

/**
 * Both ways as one. Unlike with `Duplex.from`, what was received stays to be read when the other side leaves: a server
 * that closes right behind its answer ends the process between, and with it the way there.
 */
function joined(from: Readable, to: Writable): Duplex {
  const connection = new Duplex({
    read: () => void from.resume(),
    // What can no longer be sent shows on the way back.
    write: (chunk: Buffer, _, done) => void to.write(chunk, () => done()),
    final: (done) => void to.end(() => done()),
    destroy: (error, done) => {
      from.destroy()
      to.destroy()
      done(error)
    },
  })
  from.on('data', (chunk: Buffer) => {
    if (!connection.push(chunk)) from.pause()
  })
  from.on('end', () => connection.push(null))
  from.on('error', (error) => connection.destroy(error))
  to.on('error', () => undefined)
  return connection
}

/** True with the byte that says so, false when the stream ends without it. */
function isOpen(stream: Readable): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const look = (): void => {
    if (stream.read(1) !== null) resolve(true)
  }
  stream.on('readable', look)
  stream.on('close', () => resolve(false))
  return promise.finally(() => stream.off('readable', look))
}

/** `nsenter` says what keeps it out; all else is about the connection. */
function refusal(place: Place, errors: string): OperatingError {
  if (errors.startsWith('nsenter:'))
    return new OperatingError('LAUNCH', `the network of the container cannot be entered: ${errors}`)
  const why = /: ([^:]+)$/.exec(errors)?.[1] ?? errors
  return unreachable(place, why === '' ? 'no connection' : why)
}
