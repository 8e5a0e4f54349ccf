/** The files of a task's sandbox: folders, sizes, the end of any file, downloads. */
import { useState } from 'preact/hooks'
import type { TaskRow } from '../../src/wire/page.ts'
import { useFetched } from '../data/requests.ts'
import { bytes } from '../data/words.ts'
import { fileUrl, sandboxPath } from './logs.tsx'
import { Answered, Time } from './pieces.tsx'
import { type Column, Table } from './table.tsx'

interface Entry {
  readonly path: string
  readonly size: number
  readonly mode: string
  readonly uid: string
  readonly mtime: number
}

const EVERY_MS = 5000
const nameOf = ({ path }: Entry): string => path.slice(path.lastIndexOf('/') + 1)
const isFolder = ({ mode }: Entry): boolean => mode.startsWith('d')

export function Sandbox({ task }: { readonly task: TaskRow }): preact.JSX.Element {
  const root = sandboxPath(task)
  const [below, setBelow] = useState<readonly string[]>([])
  const [open, setOpen] = useState<string | undefined>(undefined)
  const folder = [root, ...below].join('/')
  const fetched = useFetched<readonly Entry[]>(fileUrl('browse', task.agent, folder), EVERY_MS)
  const enter = (entry: Entry): void => {
    if (isFolder(entry)) setBelow([...below, nameOf(entry)])
    else setOpen(nameOf(entry))
  }
  const columns = columnsOf(enter, (name) => fileUrl('download', task.agent, `${folder}/${name}`))
  return (
    <>
      <p class="crumbs">
        <button type="button" onClick={() => setBelow([])}>
          sandbox
        </button>
        {below.map((name, index) => (
          <button key={`${index} ${name}`} type="button" onClick={() => setBelow(below.slice(0, index + 1))}>
            / {name}
          </button>
        ))}
      </p>
      <Answered fetched={fetched} what="the sandbox">
        {(entries) => (
          <Table
            label="files"
            rows={entries}
            keyOf={({ path }) => path}
            columns={columns}
            empty="The folder is empty."
            sort="name"
            most={420}
          />
        )}
      </Answered>
      {open !== undefined && <FileEnd agent={task.agent} path={`${folder}/${open}`} name={open} />}
    </>
  )
}

function columnsOf(
  enter: (entry: Entry) => void,
  download: (name: string) => string,
): readonly Column<Entry>[] {
  return [
    {
      name: 'name',
      lead: true,
      order: nameOf,
      show: (entry) => (
        <button type="button" class="plain name" onClick={() => enter(entry)}>
          {isFolder(entry) ? '▸ ' : ''}
          {nameOf(entry)}
        </button>
      ),
    },
    {
      name: 'size',
      show: (entry) => (isFolder(entry) ? '' : bytes(entry.size)),
      order: ({ size }) => size,
      figure: true,
      width: '8em',
    },
    {
      name: 'changed',
      show: ({ mtime }) => <Time at={mtime * 1000} />,
      order: ({ mtime }) => mtime,
      figure: true,
      spare: 1,
      width: '10em',
    },
    { name: 'mode', show: ({ mode }) => <code>{mode}</code>, width: '9em', spare: 1 },
    {
      name: '',
      show: (entry) =>
        isFolder(entry) ? (
          ''
        ) : (
          <a href={download(nameOf(entry))} download={nameOf(entry)}>
            download
          </a>
        ),
      width: '7em',
    },
  ]
}

function FileEnd({
  agent,
  name,
  path,
}: {
  readonly agent: string
  readonly path: string
  readonly name: string
}): preact.JSX.Element {
  const size = useFetched<{ readonly offset: number }>(fileUrl('read', agent, path, { offset: -1 }))
  const from = Math.max(0, (size.value?.offset ?? 0) - 32_768)
  const part = useFetched<{ readonly data: string }>(
    size.value === undefined ? undefined : fileUrl('read', agent, path, { offset: from, length: 32_768 }),
  )
  return (
    <>
      <h3 class="after">
        {name} {from > 0 && <small>its last 32 KB</small>}
      </h3>
      <Answered fetched={part} what={name}>
        {({ data }) => (
          <div class="log">
            <pre>{data}</pre>
          </div>
        )}
      </Answered>
    </>
  )
}
