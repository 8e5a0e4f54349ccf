/**
 * A command once on every agent that allows it from here (attribute `each:on`): results come in as they end, equal ones
 * folded. Agents without that attribute are left out, as one reads on the page.
 */
import { useState } from 'preact/hooks'
import type { AgentRow } from '../../src/wire/page.ts'
import { askJson } from '../data/requests.ts'
import { type Offer, PageFramework, type Update, type Wish } from '../data/scheduler.ts'
import { shellLine } from '../data/shell-words.ts'
import { agents } from '../data/store.ts'
import { counted, stateWords } from '../data/words.ts'
import { fileUrl } from '../parts/logs.tsx'
import { AgentLink, Card, Copyable, Trouble } from '../parts/pieces.tsx'
import { EMPTY_WISH, WishForm } from '../parts/wish-form.tsx'
import { nameOf } from './run.tsx'

interface Result {
  readonly agent: string
  readonly state: 'waits' | 'runs' | 'ok' | 'failed'
  readonly output: string
}

const ASK_ABOVE = 10
const MOST_OUTPUT = 65_536

const allows = ({ attributes, state }: AgentRow): boolean =>
  attributes['each'] === 'on' && state === 'connected'

export function EachView(): preact.JSX.Element {
  const [wish, setWish] = useState<Wish>(EMPTY_WISH)
  const [results, setResults] = useState<ReadonlyMap<string, Result>>(new Map())
  const [trouble, setTrouble] = useState<string | undefined>(undefined)
  const [isBusy, setBusy] = useState(false)
  const all = agents.all
  const allowed = all.filter(allows)
  if (allowed.length === 0) return <NotAllowed count={all.length} />
  const start = (): void => {
    const words = `Type ${allowed.length} to run this on ${counted(allowed.length, 'agent')}`
    if (allowed.length > ASK_ABOVE && prompt(words) !== String(allowed.length)) return
    setTrouble(undefined)
    setBusy(true)
    const ids = allowed.map(({ id }) => id)
    setResults(new Map(ids.map((agent) => [agent, { agent, state: 'waits', output: '' }])))
    const show = (result: Result): void => setResults((old) => new Map([...old, [result.agent, result]]))
    runOnEach({ ...wish, name: `each-${nameOf(wish)}` }, ids, show)
      .catch((error: unknown) => setTrouble(error instanceof Error ? error.message : String(error)))
      .finally(() => setBusy(false))
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
        <div class="buttons">
          <button type="button" class="main" disabled={isBusy || wish.command.trim() === ''} onClick={start}>
            {isBusy ? 'Running …' : `Run on ${counted(allowed.length, 'agent')}`}
          </button>
        </div>
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

/** One task for each agent; resolves when all have ended. */
async function runOnEach(wish: Wish, ids: readonly string[], show: (result: Result) => void): Promise<void> {
  const waiting = new Set(ids)
  const left = new Set(ids)
  const done = Promise.withResolvers<void>()
  const suffix = crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36) ?? ''
  const take = async (offer: Offer): Promise<void> => {
    const agent = offer.agent_id.value
    if (!waiting.has(agent)) return framework.decline([offer], 3600)
    waiting.delete(agent)
    if (await framework.launch(offer, wish, `${wish.name}.${suffix}.${ids.indexOf(agent)}`)) return undefined
    waiting.add(agent)
    return framework.decline([offer], 2)
  }
  const hear = async (update: Update): Promise<void> => {
    const agent = update.agent_id?.value ?? ''
    const isOver = !/STAGING|STARTING|RUNNING|KILLING/.test(update.state)
    if (!isOver) return show({ agent, state: 'runs', output: '' })
    const isOk = update.state === 'TASK_FINISHED'
    const output = await outputOf(framework.id, agent, update.task_id.value)
    const why = isOk ? '' : `${stateWords(update.state).word}: ${update.message ?? ''}\n`
    show({ agent, state: isOk ? 'ok' : 'failed', output: `${why}${output}` })
    left.delete(agent)
    if (left.size === 0) done.resolve()
  }
  const framework: PageFramework = await PageFramework.subscribe(wish, {
    onOffers: (offers) => void Promise.all(offers.map(take)).catch(done.reject),
    onUpdate: (update) => void hear(update).catch(done.reject),
  })
  try {
    await done.promise
  } finally {
    await framework.tearDown()
  }
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
