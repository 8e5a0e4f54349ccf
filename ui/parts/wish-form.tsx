/** The fields of what is to be run, the same for one task and for one on every agent. */
import type { ComponentChildren } from 'preact'
import type { Wish } from '../data/scheduler.ts'

export const EMPTY_WISH: Wish = {
  name: '',
  command: '',
  image: '',
  cpus: 0.1,
  mem: 32,
  lent: false,
  user: 'root',
  role: '*',
  environment: {},
  uris: [],
}

export interface WishFormProps {
  readonly wish: Wish
  readonly onChange: (wish: Wish) => void
  /** Only what makes sense on every agent. */
  readonly short?: boolean
}

export function WishForm({ onChange, short, wish }: WishFormProps): preact.JSX.Element {
  const set = (part: Partial<Wish>): void => onChange({ ...wish, ...part })
  const text = (
    name: 'name' | 'image' | 'user' | 'role',
    label: string,
    hint: string,
  ): preact.JSX.Element => (
    <Field label={label}>
      <input
        type="text"
        value={wish[name]}
        placeholder={hint}
        onInput={(event) => set({ [name]: event.currentTarget.value })}
      />
    </Field>
  )
  const amount = (name: 'cpus' | 'mem', label: string, step: string): preact.JSX.Element => (
    <Field label={label}>
      <input
        type="number"
        min={step}
        step={step}
        value={wish[name]}
        onInput={(event) => set({ [name]: Number(event.currentTarget.value) })}
      />
    </Field>
  )
  return (
    <div class="form">
      <Field label="command, for the shell" broad>
        <input
          type="text"
          value={wish.command}
          placeholder="echo hello"
          onInput={(event) => set({ command: event.currentTarget.value })}
        />
      </Field>
      {text('name', 'name', 'from the command')}
      {short !== true && text('image', 'Docker image', 'none: a process of the host')}
      {amount('cpus', 'cpus', '0.01')}
      {amount('mem', 'memory, MB', '1')}
      {text('user', 'user', 'root')}
      {short !== true && text('role', 'role', '*')}
      {short !== true && <MoreFields wish={wish} set={set} />}
    </div>
  )
}

function MoreFields({
  set,
  wish,
}: {
  readonly wish: Wish
  readonly set: (part: Partial<Wish>) => void
}): preact.JSX.Element {
  return (
    <>
      <Field label="environment, NAME=VALUE by line" broad>
        <textarea rows={2} onInput={(event) => set({ environment: variables(event.currentTarget.value) })} />
      </Field>
      <Field label="files to fetch, a URI by line" broad>
        <textarea rows={2} onInput={(event) => set({ uris: lines(event.currentTarget.value) })} />
      </Field>
      <label class="broad">
        <input
          type="checkbox"
          checked={wish.lent}
          onChange={(event) => set({ lent: event.currentTarget.checked })}
        />{' '}
        on lent cpus: cheap, and taken back when their owner wants them
      </label>
    </>
  )
}

function Field(props: {
  readonly label: string
  readonly broad?: boolean
  readonly children: ComponentChildren
}): preact.JSX.Element {
  return (
    <label class={props.broad === true ? 'broad' : ''}>
      <span>{props.label}</span>
      {props.children}
    </label>
  )
}

const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')

function variables(text: string): Record<string, string> {
  return Object.fromEntries(
    lines(text).flatMap((line) => {
      const at = line.indexOf('=')
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1)]] : []
    }),
  )
}
