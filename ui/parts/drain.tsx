/** Takes an agent out of use, or puts it to use again: asked for with a reason, and confirmed with what it ends. */
import { useState } from 'preact/hooks'
import type { AgentRow } from '../../src/wire/page.ts'
import { address, postJson } from '../data/requests.ts'
import { counted } from '../data/words.ts'
import { Card, Trouble } from './pieces.tsx'

/** How long tasks get to end; undefined: as long as each asks for. */
const GRACES: readonly (readonly [words: string, seconds: number | undefined])[] = [
  ['as long as they ask for', undefined],
  ['at most 10 s', 10],
  ['at most 1 min', 60],
  ['at most 10 min', 600],
]

interface Wish {
  readonly reason: string
  readonly grace: string
  readonly isGone: boolean
}

const NO_WISH: Wish = { reason: '', grace: GRACES[0]?.[0] ?? '', isGone: false }

async function steer(call: object, reason: string): Promise<string | undefined> {
  try {
    await postJson(address('api/v1', reason === '' ? {} : { reason }), call)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** The button in the head of the agent, and below it what is asked before anything is ended. */
export function Drain(props: {
  readonly agent: AgentRow
  /** That run on it. */
  readonly live: number
}): preact.JSX.Element {
  const { agent, live } = props
  const [isAsking, setAsking] = useState(false)
  const [trouble, setTrouble] = useState<string | undefined>(undefined)
  const reactivate = async (): Promise<void> => {
    const reactivate_agent = { agent_id: { value: agent.id } }
    setTrouble(await steer({ type: 'REACTIVATE_AGENT', reactivate_agent }, ''))
  }
  const drain = async ({ grace, isGone, reason }: Wish): Promise<void> => {
    const seconds = GRACES.find(([words]) => words === grace)?.[1]
    const drain_agent = {
      agent_id: { value: agent.id },
      ...(seconds !== undefined && { max_grace_period: { seconds } }),
      ...(isGone && { mark_gone: true }),
    }
    const found = await steer({ type: 'DRAIN_AGENT', drain_agent }, reason.trim())
    setTrouble(found)
    if (found === undefined) setAsking(false)
  }
  return (
    <>
      <div class="buttons drain">
        {agent.drain === undefined && (
          <button type="button" aria-expanded={isAsking} onClick={() => setAsking(!isAsking)}>
            Drain it …
          </button>
        )}
        {agent.deactivated === true && agent.drain !== 'DRAINING' && (
          <button type="button" onClick={() => void reactivate()}>
            Put it to use again
          </button>
        )}
      </div>
      {isAsking && agent.drain === undefined && (
        <Question agent={agent} live={live} onDrain={drain} onLeave={() => setAsking(false)} />
      )}
      {trouble !== undefined && <Trouble words={trouble} />}
    </>
  )
}

function Question(props: {
  readonly agent: AgentRow
  readonly live: number
  readonly onDrain: (wish: Wish) => Promise<void>
  readonly onLeave: () => void
}): preact.JSX.Element {
  const { agent, live, onDrain, onLeave } = props
  const [wish, setWish] = useState<Wish>(NO_WISH)
  return (
    <Card class="asks" title={`Take ${agent.name} out of use`}>
      <p>
        It gets no tasks any more, and{' '}
        {live === 0 ? 'none runs on it' : `${counted(live, 'task')} on it will be ended`}.
      </p>
      <div class="form">
        <label>
          <span>why, for the events</span>
          <input
            type="text"
            maxLength={300}
            value={wish.reason}
            onInput={(event) => setWish({ ...wish, reason: event.currentTarget.value })}
          />
        </label>
        <label>
          <span>its tasks may take to end</span>
          <select
            value={wish.grace}
            onChange={(event) => setWish({ ...wish, grace: event.currentTarget.value })}
          >
            {GRACES.map(([words]) => (
              <option key={words}>{words}</option>
            ))}
          </select>
        </label>
        <label>
          <span>when it is empty</span>
          <input
            type="checkbox"
            checked={wish.isGone}
            onChange={(event) => setWish({ ...wish, isGone: event.currentTarget.checked })}
          />{' '}
          give it up for good
        </label>
      </div>
      <div class="buttons">
        <button type="button" class="grave" onClick={() => void onDrain(wish)}>
          {live === 0 ? 'Drain it' : `Drain it and end ${counted(live, 'task')}`}
        </button>
        <button type="button" onClick={onLeave}>
          Leave it
        </button>
      </div>
    </Card>
  )
}
