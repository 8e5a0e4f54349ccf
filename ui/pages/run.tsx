/** Run one task: a form that says where it fits now, what the same is on the command line, and how it goes. */
import { useState } from 'preact/hooks'
import { type Fit, fitsOf } from '../data/fits.ts'
import { type Run, runOne } from '../data/one-task.ts'
import { postToScheduler } from '../data/requests.ts'
import type { Wish } from '../data/scheduler.ts'
import { shellLine } from '../data/shell-words.ts'
import { agents } from '../data/store.ts'
import { counted } from '../data/words.ts'
import { AgentLink, Card, Copyable, State, Trouble } from '../parts/pieces.tsx'
import { EMPTY_WISH, WishForm } from '../parts/wish-form.tsx'
import { link } from '../link.ts'

const WAITS = 'waits for an offer that is large enough'

/** A name that ids may have, from what runs. */
export function nameOf({ command, image, name }: Wish): string {
  const word =
    name || (command.trim().split(/\s+/)[0] ?? '').split('/').at(-1) || (image.split('/').at(-1) ?? '')
  return word.replaceAll(/[^A-Za-z0-9_-]+/g, '-').replaceAll(/^-+|-+$/g, '') || 'task'
}

export function RunView(): preact.JSX.Element {
  const [wish, setWish] = useState<Wish>(EMPTY_WISH)
  const [runs, setRuns] = useState<readonly Run[]>([])
  const [trouble, setTrouble] = useState<string | undefined>(undefined)
  const fits = fitsOf(agents.all, wish)
  const isSaid = wish.command.trim() !== '' || wish.image !== ''
  const start = (): void => {
    const show = (run: Run): void => setRuns((old) => [run, ...old.filter(({ task }) => task !== run.task)])
    setTrouble(undefined)
    const name = nameOf(wish)
    const number = crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36) ?? ''
    runOne(postToScheduler, { ...wish, name }, `${name}.${number}`, show).catch((error: unknown) =>
      setTrouble(error instanceof Error ? error.message : String(error)),
    )
  }
  return (
    <>
      <Card title="Run a task">
        <WishForm wish={wish} onChange={setWish} />
        <Fits fits={fits} />
        <div class="buttons after">
          <button type="button" class="main" disabled={!isSaid} onClick={start}>
            Run it
          </button>
        </div>
        {trouble !== undefined && <Trouble words={trouble} />}
        <h3 class="after">The same on the command line</h3>
        <Copyable text={lineOf(wish)} />
      </Card>
      {runs.length > 0 && (
        <Card title="Run from here">
          <ul class="history">
            {runs.map(({ framework, task, trouble: wrong, update }) => (
              <li key={task}>
                <a href={link('tasks', framework, task)}>{task}</a>
                {update !== undefined && <State state={update.state} />}
                {update === undefined && wrong === undefined && <span class="quiet">waits</span>}
                {wrong === undefined && <span>{update === undefined ? WAITS : update.message}</span>}
                {wrong !== undefined && <Trouble words={wrong} />}
              </li>
            ))}
          </ul>
        </Card>
      )}
    </>
  )
}

function Fits({ fits }: { readonly fits: readonly Fit[] }): preact.JSX.Element {
  const fitting = fits.filter(({ misses }) => misses.length === 0)
  const nearest = fits
    .filter(({ misses }) => misses.length > 0)
    .toSorted((a, b) => a.misses.length - b.misses.length)
  return (
    <div role="status">
      <b class={fitting.length > 0 ? 'state good' : 'state bad'}>
        fits on {fitting.length} of {counted(fits.length, 'agent')} now
      </b>
      {fitting.length === 0 && (
        <ul>
          {nearest.slice(0, 5).map(({ agent, misses }) => (
            <li key={agent.id}>
              <AgentLink id={agent.id} />: {misses.join('; ')}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

function lineOf(wish: Wish): string {
  const words = [
    'tepui',
    'run',
    '-d',
    '--name',
    nameOf(wish),
    '--cpus',
    String(wish.cpus),
    '--mem',
    `${wish.mem}MB`,
  ]
  if (wish.lent) words.push('--lent')
  if (wish.image !== '') words.push('--image', wish.image)
  if (wish.role !== '*') words.push('--role', wish.role)
  for (const [name, value] of Object.entries(wish.environment)) words.push('--env', `${name}=${value}`)
  for (const uri of wish.uris) words.push('--uri', uri)
  return shellLine([...words, ...(wish.command === '' ? [] : ['--', 'sh', '-c', wish.command])])
}
