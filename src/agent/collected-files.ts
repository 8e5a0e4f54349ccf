// The files of a sandbox that was collected: the ends of its streams and its tombstone; of others, that they went.
import { isoTime } from '../base/clock.ts'
import { type Answer, json, text } from '../http/response.ts'
import type { StreamTail } from '../gc/tombstone.ts'
import type { StoredTombstone } from '../store/scheduled-paths.ts'

export interface TombstoneSource {
  of(containerId: string): StoredTombstone | undefined
  newestOf(frameworkId: string, executorId: string): StoredTombstone | undefined
}

/** Where a path leads by its names alone. */
export interface RunPath {
  readonly agentId: string
  readonly frameworkId: string
  readonly executorId: string
  /** The id of a container, or `latest`. */
  readonly run: string
  /** Below the sandbox; empty for itself. */
  readonly rest: string
  /** The path as it was asked for, for the answer. */
  readonly shown: string
}

/** As `/files/browse` has it. */
const MODE = '-rw-r--r--'

/** Undefined when nothing is remembered of the run either. */
export function tombstoneOf(source: TombstoneSource, path: RunPath): StoredTombstone | undefined {
  const { executorId, frameworkId, run } = path
  const stone = run === 'latest' ? source.newestOf(frameworkId, executorId) : source.of(run)
  return stone?.frameworkId === frameworkId && stone.executorId === executorId ? stone : undefined
}

/** What is left to browse: the streams' ends, and the tombstone. */
export function browseCollected(stone: StoredTombstone, path: RunPath): Answer {
  if (path.rest !== '') return collectedAnswer(stone, path)
  const files = [...filesOf(stone)]
  return json(
    files.map(([name, bytes]) => ({
      gid: '0',
      mode: MODE,
      mtime: Math.floor(stone.removedAt / 1000),
      nlink: 1,
      path: `${path.shown}/${name}`,
      size: bytes.length,
      uid: '0',
    })),
  )
}

/** The bytes of what is left of a file; undefined when none of it is. */
export function collectedFile(stone: StoredTombstone, path: RunPath): Buffer | undefined {
  return new Map(filesOf(stone)).get(path.rest)
}

/** For whoever reads what is left of a file: since when that is all, why, and how many bytes there were. */
export function collectedFacts(stone: StoredTombstone, path: RunPath): object {
  const { stderr, stdout, why } = recordOf(stone)
  const tail = path.rest === 'stdout' ? stdout : path.rest === 'stderr' ? stderr : undefined
  return { at: stone.removedAt / 1000, why: why ?? null, ...(tail !== undefined && { bytes: tail.bytes }) }
}

/** 410: when and why it went, and what is left of it. */
export function collectedAnswer(stone: StoredTombstone, path: RunPath): Answer {
  const { why } = recordOf(stone)
  const reason =
    why === 'space' ? 'to make room on the disk' : why === 'asked' ? 'on request' : 'after its --gc_delay'
  const left = [...filesOf(stone)].map(([name]) => name).join(', ')
  const sandbox = `The sandbox of container ${stone.containerId} was collected at ${isoTime(stone.removedAt)} ${reason}`
  return text(
    410,
    `${sandbox}: ${path.rest === '' ? 'it' : `'${path.rest}'`} is gone. What is left: ${left}.`,
  )
}

function* filesOf(stone: StoredTombstone): Generator<readonly [name: string, bytes: Buffer]> {
  const { stderr, stdout } = recordOf(stone)
  if (stderr !== undefined) yield ['stderr', Buffer.from(stderr.text)]
  if (stdout !== undefined) yield ['stdout', Buffer.from(stdout.text)]
  yield ['tombstone.json', Buffer.from(`${JSON.stringify(stone.record, undefined, 2)}\n`)]
}

/** The parts that are looked at here; what the database holds was written by this agent or an older one. */
function recordOf({ record }: StoredTombstone): {
  readonly stdout?: StreamTail
  readonly stderr?: StreamTail
  readonly why?: string
} {
  return typeof record === 'object' && record !== null ? record : {}
}
