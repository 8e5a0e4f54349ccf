/**
 * A command once on every agent that allows it from here (attribute `each:on`): results come in as they end, equal ones
 * folded. Agents without that attribute are left out, as one reads on the page.
 */
import { useState } from 'preact/hooks'
import type { AgentRow } from '../../src/wire/page.ts'
import { type Result, runOnEach } from '../data/each-agent.ts'
import { askJson, postToScheduler } from '../data/requests.ts'
import type { Wish } from '../data/scheduler.ts'
import { shellLine } from '../data/shell-words.ts'
import { agents } from '../data/store.ts'
import { counted } from '../data/words.ts'
import { fileUrl } from '../parts/logs.tsx'
import { AgentLink, Card, Copyable, Trouble } from '../parts/pieces.tsx'
import { EMPTY_WISH, WishForm } from '../parts/wish-form.tsx'
import { nameOf } from './run.tsx'

const ASK_ABOVE = 10
const MOST_OUTPUT = 65_536

const allows = ({ attributes, state }: AgentRow): boolean =>
  attributes['each'] === 'on' && state === 'connected'

export function EachView(): preact.JSX.Element {
  const [wish, setWish] = useState<Wish>(EMPTY_WISH)
  const [results, setResults] = useState<ReadonlyMap<string, Result>>(new Map())
  const [trouble, setTrouble] = useState<string | undefined>(undefined)
  const [ending, setEnding] = useState<AbortController | undefined>(undefined)
  const all = agents.all
  const allowed = all.filter(allows)
  const failed = allowed.filter(({ id }) => results.get(id)?.state === 'failed').map(({ id }) => id)
  if (allowed.length === 0) return <NotAllowed count={all.length} />
  const start = (ids: readonly string[], kept: ReadonlyMap<string, Result>): void => {
    const words = `Type ${ids.length} to run this on ${counted(ids.length, 'agent')}`
    if (ids.length > ASK_ABOVE && prompt(words) !== String(ids.length)) return
    setTrouble(undefined)
    const stop = new AbortController()
    setEnding(stop)
    setResults(
      new Map([...kept, ...ids.map((agent) => [agent, { agent, state: 'waits', output: '' }] as const)]),
    )
    const show = (result: Result): void => setResults((old) => new Map([...old, [result.agent, result]]))
    const name = `each-${nameOf(wish)}`
    const prefix = `${name}.${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36) ?? ''}`
    runOnEach(postToScheduler, { wish: { ...wish, name }, prefix, agents: ids, outputOf, show }, stop.signal)
      .catch((error: unknown) => setTrouble(error instanceof Error ? error.message : String(error)))
      .finally(() => setEnding(undefined))
  }
  return (
    <>
      <Card title={`Run on each of ${counted(allowed.length, 'agent')}`}>
        {allowed.length < all.length && (
          <p class="quiet">
            Left out: {counted(all.length - allowed.length, 'agent')}, away or without the attribute each:on.
          </p>
        )}
        <WishForm wish={wish} onChange={setWish} short />
        <Buttons
          count={allowed.length}
          failed={failed.length}
          canRun={wish.command.trim() !== ''}
          stop={ending}
          onRun={() =>
            start(
              allowed.map(({ id }) => id),
              new Map(),
            )
          }
          onAgain={() => start(failed, results)}
        />
        {trouble !== undefined && <Trouble words={trouble} />}
        <h3 class="after">The same on the command line (on all agents)</h3>
        <Copyable
          text={shellLine([
            'tepui',
            'each',
            '--cpus',
            String(wish.cpus),
            '--mem',
            `${wish.mem}MB`,
            '--',
            'sh',
            '-c',
            wish.command,
          ])}
        />
      </Card>
      {results.size > 0 && <Results results={[...results.values()]} />}
    </>
  )
}

function Buttons(props: {
  readonly count: number
  readonly failed: number
  readonly canRun: boolean
  /** While it runs. */
  readonly stop: AbortController | undefined
  readonly onRun: () => void
  readonly onAgain: () => void
}): preact.JSX.Element {
  const { canRun, count, failed, onAgain, onRun, stop } = props
  return (
    <div class="buttons">
      <button type="button" class="main" disabled={stop !== undefined || !canRun} onClick={onRun}>
        {stop === undefined ? `Run on ${counted(count, 'agent')}` : 'Running …'}
      </button>
      {stop !== undefined && (
        <button type="button" onClick={() => stop.abort()}>
          Stop
        </button>
      )}
      {stop === undefined && failed > 0 && (
        <button type="button" onClick={onAgain}>
          Run again where it failed ({failed})
        </button>
      )}
    </div>
  )
}

function NotAllowed({ count }: { readonly count: number }): preact.JSX.Element {
  return (
    <Card title="Run on each agent">
      <p>
        None of the {count} agents allows this from the page. Start an agent with{' '}
        <code>--attributes=each:on</code> to switch it on there. On the command line, <code>tepui each</code>{' '}
        works without.
      </p>
    </Card>
  )
}

function Results({ results }: { readonly results: readonly Result[] }): preact.JSX.Element {
  const folded = new Map<string, Result[]>()
  for (const result of results) {
    const key = `${result.state} ${result.output}`
    folded.set(key, [...(folded.get(key) ?? []), result])
  }
  const groups = [...folded.values()].toSorted((a, b) => b.length - a.length)
  const count = (state: Result['state']): number => results.filter((result) => result.state === state).length
  return (
    <Card title={`${count('ok')} ok, ${count('failed')} failed, ${count('waits') + count('runs')} under way`}>
      {groups.map((group) => {
        const [first] = group
        if (first === undefined) return null
        const sign = { ok: '✓', failed: '✕', runs: '◔', waits: '◌' }[first.state]
        return (
          <section key={first.agent} class="folded">
            <p>
              <b class={first.state === 'failed' ? 'state bad' : ''}>
                {sign} {first.state}
              </b>{' '}
              on {group.length}:{' '}
              {group.map(({ agent }) => (
                <span key={agent}>
                  <AgentLink id={agent} />{' '}
                </span>
              ))}
            </p>
            {first.output !== '' && (
              <div class="log">
                <pre>{first.output}</pre>
              </div>
            )}
          </section>
        )
      })}
    </Card>
  )
}

async function outputOf(framework: string, agent: string, task: string): Promise<string> {
  const folder = `/frameworks/${framework}/executors/${task}/runs/latest`
  const texts = await Promise.all(
    ['stdout', 'stderr'].map(async (file) => {
      try {
        return (
          await askJson<{ data: string }>(
            fileUrl('read', agent, `${folder}/${file}`, { offset: 0, length: MOST_OUTPUT }),
          )
        ).data
      } catch {
        // What never ran has written nothing.
        return ''
      }
    }),
  )
  return texts.join('').trimEnd()
}
