/** The small pieces that every view is made of. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { now } from '../clock.ts'
import { agents, frameworks } from '../data/store.ts'
import type { Fetched } from '../data/requests.ts'
import { span, stateWords, timeText } from '../data/words.ts'
import { link } from '../link.ts'

export function Card(props: {
  readonly title?: ComponentChildren
  readonly side?: ComponentChildren
  readonly class?: string
  readonly children: ComponentChildren
}): preact.JSX.Element {
  return (
    <section class={`card ${props.class ?? ''}`}>
      {props.title !== undefined && (
        <header>
          <h2>{props.title}</h2>
          {props.side}
        </header>
      )}
      {props.children}
    </section>
  )
}

/** What an answer of the master is shown as; when a later one fails the old one stays, grey, with its age. */
export function Answered<T>(props: {
  readonly fetched: Fetched<T>
  readonly what: string
  readonly children: (value: T) => ComponentChildren
}): preact.JSX.Element {
  const { at, error, value } = props.fetched
  if (value === undefined)
    return error === undefined ? (
      <p class="empty">Asking for {props.what} …</p>
    ) : (
      <Trouble words={`${props.what}: ${error}`} />
    )
  return (
    <div class={`answered ${error === undefined ? '' : 'stale'}`}>
      {error !== undefined && <Trouble words={`This is ${span(now.value - at)} old: ${error}`} />}
      {props.children(value)}
    </div>
  )
}

export function Trouble({ words }: { readonly words: string }): preact.JSX.Element {
  return (
    <p class="trouble" role="status">
      <b aria-hidden="true">!</b> {words}
    </p>
  )
}

export function State({
  state,
  healthy,
}: {
  readonly state: string
  readonly healthy?: boolean | undefined
}): preact.JSX.Element {
  const { sign, tone, word } = stateWords(state)
  return (
    <span class={`state ${tone}`} title={state}>
      <i aria-hidden="true">{sign}</i> {word}
      {healthy === false && <em> unhealthy</em>}
    </span>
  )
}

/** How long ago; the time itself on hover. */
export function Age({ at }: { readonly at: number | undefined }): preact.JSX.Element {
  if (at === undefined || at === 0) return <span class="quiet">–</span>
  const time = now.value
  return (
    <time title={timeText(at, time)} dateTime={new Date(at).toISOString()}>
      {span(Math.max(0, time - at))}
    </time>
  )
}

export function Time({ at }: { readonly at: number }): preact.JSX.Element {
  return <time dateTime={new Date(at).toISOString()}>{timeText(at, now.value)}</time>
}

export function AgentLink({ id }: { readonly id: string }): preact.JSX.Element {
  const name = agents.get(id)?.name
  return (
    <a href={link('agents', id)} title={id}>
      {name ?? 'an agent that is gone'}
    </a>
  )
}

export function FrameworkLink({ id }: { readonly id: string }): preact.JSX.Element {
  return (
    <a href={link('frameworks', id)} title={id}>
      {frameworks.get(id)?.name || id}
    </a>
  )
}

export function Figure(props: {
  readonly name: string
  readonly value: ComponentChildren
  readonly more?: ComponentChildren
  readonly href: string
  readonly tone?: string
}): preact.JSX.Element {
  return (
    <a class={`number ${props.tone ?? ''}`} href={props.href}>
      <span>{props.name}</span>
      <b>{props.value}</b>
      <small>{props.more}</small>
    </a>
  )
}

export function Facts({
  facts,
}: {
  readonly facts: readonly (readonly [string, ComponentChildren])[]
}): preact.JSX.Element {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** Text to be copied, such as a command. */
export function Copyable({ text }: { readonly text: string }): preact.JSX.Element {
  const [copied, setCopied] = useState(false)
  const copy = (): void => {
    navigator.clipboard?.writeText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    )
  }
  return (
    <div class="copyable">
      <pre>{text}</pre>
      <button type="button" onClick={copy}>
        {copied ? 'copied' : 'copy'}
      </button>
    </div>
  )
}

export function Tabs(props: {
  readonly names: readonly string[]
  readonly chosen: string
  readonly onChoose: (name: string) => void
}): preact.JSX.Element {
  return (
    <div class="tabs" role="tablist">
      {props.names.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          aria-selected={name === props.chosen}
          onClick={() => props.onChoose(name)}
        >
          {name}
        </button>
      ))}
    </div>
  )
}
