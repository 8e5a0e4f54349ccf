/** The output of a task, live: the newest part of stdout or stderr, followed while it grows, searched, downloaded. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { TaskRow } from '../../src/wire/page.ts'
import { address, askJson, useFetched } from '../data/requests.ts'
import { bytes, counted, hasFailed, isLive } from '../data/words.ts'
import { Age, Tabs, Trouble } from './pieces.tsx'

/** Agents read so much at once. */
const PIECE = 65_536
const EVERY_MS = 1000
/** The page keeps so much of the end. */
const MOST_KEPT = 512 * 1024

interface ReadPage {
  readonly data: string
  readonly offset: number
  readonly collected?: Collected
}

/** The sandbox is gone: since when (seconds), and of how many bytes what is left is the end. */
interface Collected {
  readonly at: number
  readonly why: string
  readonly bytes?: number
}

const WHY: Readonly<Record<string, string>> = {
  age: 'after its --gc_delay',
  space: 'to make room on the disk',
  asked: 'on request',
}

/** The folder of the newest run; commands are their own executors. */
export function sandboxPath(task: TaskRow): string {
  const executor = task.executor === '' ? task.id : task.executor
  return `/frameworks/${task.framework}/executors/${executor}/runs/latest`
}

export function fileUrl(
  page: 'read' | 'browse' | 'download',
  agent: string,
  path: string,
  query: Readonly<Record<string, number>> = {},
): string {
  return address(`files/${page}`, { path, agent_id: agent, ...query })
}

interface Shown {
  readonly text: string
  /** Where the kept text begins, and where the file ends. */
  readonly begin: number
  readonly end: number
  readonly trouble: string | undefined
  readonly collected: Collected | undefined
}

const NOTHING: Shown = { text: '', begin: 0, end: 0, trouble: undefined, collected: undefined }

export function Logs({ task }: { readonly task: TaskRow }): preact.JSX.Element {
  const [file, setFile] = useState(hasFailed(task.state) ? 'stderr' : 'stdout')
  const [follows, setFollows] = useState(true)
  const [search, setSearch] = useState('')
  const path = `${sandboxPath(task)}/${file}`
  const shown = useTail(task.agent, path)
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (follows && box.current !== null) box.current.scrollTop = box.current.scrollHeight
  })
  const lines = shown.text.split('\n')
  const found =
    search === '' ? lines : lines.filter((line) => line.toLowerCase().includes(search.toLowerCase()))
  return (
    <>
      <div class="tools">
        <Tabs names={['stdout', 'stderr']} chosen={file} onChoose={setFile} />
        <label>
          <input
            type="checkbox"
            checked={follows}
            onChange={(event) => setFollows(event.currentTarget.checked)}
          />{' '}
          follow
        </label>
        <label class="filter">
          <span aria-hidden="true">/</span>
          <input
            id="filter"
            type="search"
            value={search}
            placeholder="lines with …"
            aria-label="lines with"
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        </label>
        <a href={fileUrl('download', task.agent, path)} download={file}>
          download
        </a>
        <small>
          {bytes(shown.end)}
          {shown.begin > 0 && `; the first ${bytes(shown.begin)} are not shown`}
          {search !== '' && `; ${found.length} of ${counted(lines.length, 'line')}`}
        </small>
        <PutAside task={task} file={file} />
      </div>
      {shown.collected !== undefined && <WasCollected collected={shown.collected} left={shown.end} />}
      {shown.trouble !== undefined && <Trouble words={shown.trouble} />}
      <div class="log" ref={box} tabIndex={0} aria-label={file}>
        <pre>
          {shown.end === 0 && shown.trouble === undefined ? (
            <span class="quiet">nothing was written{isLive(task.state) ? ' yet' : ''}</span>
          ) : (
            found.join('\n')
          )}
        </pre>
      </div>
    </>
  )
}

function WasCollected({
  collected: { at, bytes: had, why },
  left,
}: {
  readonly collected: Collected
  readonly left: number
}): preact.JSX.Element {
  return (
    <p class="quiet">
      The sandbox was collected <Age at={at * 1000} /> ago {WHY[why] ?? ''};{' '}
      {had === left
        ? 'this is all that was written'
        : `the last ${bytes(left)} of ${bytes(had ?? left)} are left`}
      .
    </p>
  )
}

const ASIDE_MS = 10_000
const ASIDE: readonly (readonly [ending: string, words: string])[] = [
  ['head', 'how it began'],
  ['1', 'what was before'],
]

/** What rotation put aside of a stream: its beginning, and what was written before this. */
function PutAside({ file, task }: { readonly task: TaskRow; readonly file: string }): preact.JSX.Element {
  const root = sandboxPath(task)
  const url = fileUrl('browse', task.agent, root)
  const names = useFetched<readonly { readonly path: string; readonly size: number }[]>(url, ASIDE_MS)
  return (
    <>
      {ASIDE.map(([ending, words]) => {
        const name = `${file}.${ending}`
        const found = names.value?.find(({ path }) => path.endsWith(`/${name}`))
        if (found === undefined) return null
        return (
          <a key={name} href={fileUrl('download', task.agent, `${root}/${name}`)} download={name}>
            {words} ({bytes(found.size)})
          </a>
        )
      })}
    </>
  )
}

/** Reads the end of a file and then what is added to it; begins anew when the file becomes shorter. */
function useTail(agent: string, path: string): Shown {
  const [state, setState] = useState<{ readonly path: string; readonly shown: Shown }>({
    path,
    shown: NOTHING,
  })
  useEffect(() => {
    const ending = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let now = NOTHING
    const round = async (): Promise<void> => {
      try {
        now = await readOn(agent, path, now, ending.signal)
      } catch (error) {
        if (ending.signal.aborted) return
        now = { ...now, trouble: error instanceof Error ? error.message : String(error) }
      }
      if (ending.signal.aborted) return
      setState({ path, shown: now })
      timer = setTimeout(() => void round(), EVERY_MS)
    }
    void round()
    return () => {
      ending.abort()
      clearTimeout(timer)
    }
  }, [agent, path])
  return state.path === path ? state.shown : NOTHING
}

async function readOn(agent: string, path: string, before: Shown, signal: AbortSignal): Promise<Shown> {
  const { collected, offset: size } = await askJson<ReadPage>(
    fileUrl('read', agent, path, { offset: -1 }),
    signal,
  )
  const isNew = size < before.end || before.end === 0
  let shown: Shown = isNew
    ? { ...NOTHING, begin: Math.max(0, size - PIECE), end: Math.max(0, size - PIECE) }
    : { ...before, trouble: undefined }
  shown = { ...shown, collected }
  while (shown.end < size) {
    const { data } = await askJson<ReadPage>(
      fileUrl('read', agent, path, { offset: shown.end, length: PIECE }),
      signal,
    )
    // Agents cut pieces between characters, so that the length in bytes says where the next begins.
    const length = new TextEncoder().encode(data).length
    if (length === 0) break
    const text = shown.text + data
    const cut = Math.max(0, text.length - MOST_KEPT)
    shown = { ...shown, text: text.slice(cut), begin: shown.begin + cut, end: shown.end + length }
  }
  return shown
}
