/** The frame around every view: where one can go, whether the master is heard, and the view itself. */
import type { ComponentType } from 'preact'
import { useEffect, useErrorBoundary, useRef } from 'preact/hooks'
import { browserNow, now } from './clock.ts'
import { agents, frameworks, heardAt, isConnected, master } from './data/store.ts'
import { inSentence, span } from './data/words.ts'
import { helpIsOpen } from './keys.ts'
import { About } from './pages/about.tsx'
import { AgentView } from './pages/agent.tsx'
import { Agents } from './pages/agents.tsx'
import { EachView } from './pages/each.tsx'
import { Events } from './pages/events.tsx'
import { Frameworks, FrameworkView } from './pages/frameworks.tsx'
import { Lending } from './pages/lending.tsx'
import { LendEventView } from './pages/lend-event.tsx'
import { Offers } from './pages/offers.tsx'
import { Overview } from './pages/overview.tsx'
import { RunView } from './pages/run.tsx'
import { TaskView } from './pages/task.tsx'
import { Tasks } from './pages/tasks.tsx'
import { place } from './route.ts'
import { choice, turn } from './scheme.ts'
import { VIEWS } from './views.ts'

const PAGES: Readonly<Record<string, ComponentType>> = {
  '': Overview,
  agents: Agents,
  'agents/': AgentView,
  tasks: Tasks,
  'tasks/': TaskView,
  lending: Lending,
  'event/': LendEventView,
  frameworks: Frameworks,
  'frameworks/': FrameworkView,
  offers: Offers,
  run: RunView,
  each: EachView,
  events: Events,
  about: About,
}

/** So long after its last word the master counts as silent: it says something each second. */
const SILENT_MS = 5000

export function App(): preact.JSX.Element {
  const [first = '', ...rest] = place.value.path
  const name = rest.length > 0 && PAGES[`${first}/`] !== undefined ? `${first}/` : first
  const View = PAGES[name] ?? Nowhere
  const view = VIEWS.find(({ path }) => path === first)
  const silentMs = heardAt.value === 0 ? 0 : Math.max(0, browserNow(now.value) - heardAt.value)
  const isSilent = heardAt.value > 0 && silentMs > SILENT_MS
  const main = useArrival(place.value.path.join('/'), view?.name, rest.at(-1))
  return (
    <div class="frame">
      <Navigation current={first} />
      <main class={isSilent ? 'stale' : ''} aria-label={view?.name ?? first} ref={main} tabIndex={-1}>
        {isSilent && (
          <p class="trouble" role="alert">
            <b aria-hidden="true">!</b> The master has not been heard for {span(silentMs)}: this is what it
            said last.
          </p>
        )}
        {heardAt.value === 0 ? <Waiting /> : <Guarded key={place.value.path.join('/')} View={View} />}
      </main>
      {helpIsOpen.value && <Help />}
    </div>
  )
}

/** Who goes to a view goes on there with the keyboard, and finds it by its name among the tabs of the browser. */
function useArrival(
  path: string,
  view: string | undefined,
  part: string | undefined,
): { readonly current: HTMLElement | null } {
  const main = useRef<HTMLElement>(null)
  const before = useRef(path)
  const named = part === undefined ? view : (agents.get(part)?.name ?? frameworks.get(part)?.name ?? part)
  const title = named === undefined || path === '' ? 'Tepui' : `${inSentence(named)} · Tepui`
  useEffect(() => {
    document.title = title
  }, [title])
  useEffect(() => {
    if (before.current === path) return
    before.current = path
    main.current?.focus({ preventScroll: true })
    scrollTo(0, 0)
  }, [path])
  return main
}

/** A view that fails leaves the frame and the other views as they are. */
function Guarded({ View }: { readonly View: ComponentType }): preact.JSX.Element {
  const [error, reset] = useErrorBoundary()
  if (error === undefined) return <View />
  return (
    <div class="card">
      <p class="trouble">This view failed: {error instanceof Error ? error.message : String(error)}</p>
      <button type="button" onClick={reset}>
        Try again
      </button>
    </div>
  )
}

function Navigation({ current }: { readonly current: string }): preact.JSX.Element {
  const facts = master.value
  const bar = useRef<HTMLElement>(null)
  // On narrow screens the bar is longer than it is wide.
  useEffect(() => {
    const chosen = bar.current?.querySelector('[aria-current]')
    chosen?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [current])
  return (
    <nav aria-label="views" ref={bar}>
      <a class="brand" href="#/">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path class="rock" d="M3 26 8 11h16l5 15z" />
          <path class="top" d="M8 11h16l1.3 4H6.7z" />
        </svg>
        <b>Tepui</b>
      </a>
      <ul>
        {VIEWS.map(({ key, name, path, sign }) => (
          <li key={path}>
            <a
              href={`#/${path}`}
              title={`g ${key}`}
              {...(path === current && { 'aria-current': 'page' as const })}
            >
              <i aria-hidden="true">{sign}</i> {name}
            </a>
          </li>
        ))}
      </ul>
      <footer>
        <span class={`link ${isConnected.value ? 'on' : 'off'}`} role="status">
          {isConnected.value ? '● ' : '○ '}
          <span>{isConnected.value ? 'live' : 'not connected'}</span>
        </span>
        <span class="quiet">{facts === undefined ? '' : facts.cluster || facts.address}</span>
        <button type="button" class="plain" onClick={turn} title="light, dark or as the system has it">
          {choice.value === 'system' ? '◐ system' : choice.value === 'light' ? '○ light' : '● dark'}
        </button>
        <button type="button" class="plain" onClick={() => (helpIsOpen.value = true)}>
          ? keys
        </button>
      </footer>
    </nav>
  )
}

function Waiting(): preact.JSX.Element {
  return (
    <p class="empty">
      {isConnected.value ? 'Reading what the master knows …' : 'Connecting to the master …'}
    </p>
  )
}

function Nowhere(): preact.JSX.Element {
  return (
    <div class="card">
      <p>There is no such view here.</p>
      <a href="#/">To the overview</a>
    </div>
  )
}

function Help(): preact.JSX.Element {
  return (
    <dialog open class="help" aria-label="keys">
      <h2>Keys</h2>
      <dl>
        <dt>/</dt>
        <dd>filter what is shown</dd>
        {VIEWS.map(({ key, name }) => [<dt>g {key}</dt>, <dd>{name}</dd>])}
        <dt>↑ ↓ Enter</dt>
        <dd>from row to row of a table, open the row that has the focus</dd>
        <dt>← →</dt>
        <dd>from one take-back to the next below a chart</dd>
        <dt>Esc</dt>
        <dd>leave a field, close this</dd>
      </dl>
      <button type="button" onClick={() => (helpIsOpen.value = false)}>
        Close
      </button>
    </dialog>
  )
}
