/** Tasks that are chosen in a table, and the button that ends all of them. */
import { signal } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import type { TaskRow } from '../../src/wire/page.ts'
import { address, postJson } from '../data/requests.ts'
import { tasks } from '../data/store.ts'
import { counted, isLive } from '../data/words.ts'
import { Trouble } from './pieces.tsx'

const chosen = signal<ReadonlySet<string>>(new Set())

/** Kills that are under way at the same time. */
const ABREAST = 8
/** From so many on their number is to be typed. */
const ASK_FROM = 10
const MOST_TROUBLES = 5

export function ChooseTask({ task }: { readonly task: TaskRow }): preact.JSX.Element | null {
  if (!isLive(task.state)) return null
  const toggle = (isChosen: boolean): void => {
    const next = new Set(chosen.value)
    if (isChosen) next.add(task.key)
    else next.delete(task.key)
    chosen.value = next
  }
  return (
    <input
      type="checkbox"
      aria-label={`choose ${task.id}`}
      checked={chosen.value.has(task.key)}
      onChange={(event) => toggle(event.currentTarget.checked)}
    />
  )
}

export function KillMany({ shown }: { readonly shown: readonly TaskRow[] }): preact.JSX.Element {
  const [troubles, setTroubles] = useState<readonly string[]>([])
  const [isBusy, setBusy] = useState(false)
  // What is chosen in a table that one has left is forgotten.
  useEffect(() => () => void (chosen.value = new Set()), [])
  const live = shown.filter(({ state }) => isLive(state))
  const picked = [...chosen.value].flatMap((key) => tasks.get(key) ?? []).filter(({ state }) => isLive(state))
  const end = async (): Promise<void> => {
    if (!isSure(picked.length)) return
    setBusy(true)
    setTroubles(await endAll(picked))
    chosen.value = new Set()
    setBusy(false)
  }
  return (
    <>
      <div class="buttons">
        {picked.length === 0 ? (
          <button
            type="button"
            class="plain"
            disabled={live.length === 0}
            onClick={() => (chosen.value = new Set(live.map(({ key }) => key)))}
          >
            choose {live.length === 1 ? 'this one' : `these ${live.length}`}
          </button>
        ) : (
          <>
            <button type="button" class="grave" disabled={isBusy} onClick={() => void end()}>
              End {counted(picked.length, 'task')}
            </button>
            <button type="button" class="plain" onClick={() => (chosen.value = new Set())}>
              choose none
            </button>
          </>
        )}
      </div>
      {troubles.slice(0, MOST_TROUBLES).map((words) => (
        <Trouble key={words} words={words} />
      ))}
      {troubles.length > MOST_TROUBLES && (
        <Trouble words={`${troubles.length - MOST_TROUBLES} more like these`} />
      )}
    </>
  )
}

function isSure(count: number): boolean {
  if (count < ASK_FROM) return confirm(`End ${counted(count, 'task')}?`)
  return prompt(`Type ${count} to end ${counted(count, 'task')}`) === String(count)
}

/** A sentence for each that could not be ended. */
async function endAll(picked: readonly TaskRow[]): Promise<readonly string[]> {
  const waiting = [...picked]
  const troubles: string[] = []
  const worker = async (): Promise<void> => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      try {
        await postJson(address('api/x1/kill'), { framework_id: task.framework, task_id: task.id })
      } catch (error) {
        troubles.push(`${task.id}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: ABREAST }, worker))
  return troubles
}
