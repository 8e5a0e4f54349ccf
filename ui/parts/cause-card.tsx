/** Why a task ended: one sentence, the figures, what it wrote last, and what one can do next. */
import { Fragment } from 'preact'
import type { TaskRow } from '../../src/wire/page.ts'
import { address, useFetched } from '../data/requests.ts'
import { type Cause, endFacts, type WhyTask } from '../data/task-details.ts'
import { Copyable, Facts } from './pieces.tsx'

export function CauseCard({
  cause,
  task,
}: {
  readonly cause: Cause
  readonly task: TaskRow
}): preact.JSX.Element {
  const why = useFetched<WhyTask>(address('api/x1/why', { task: task.id, framework_id: task.framework }))
  const ended = why.value?.ended
  const lines = ended?.stderr ?? []
  return (
    <section class={`card cause ${cause.tone}`} aria-label="why it ended">
      <p class="say">{cause.sentence}</p>
      <Facts facts={[...cause.facts, ...endFacts(ended)].map(([name, text]) => [name, breakable(text)])} />
      {lines.length > 0 && (
        <>
          <h3 class="after">The last it wrote to stderr</h3>
          <div class="log short">
            <pre>{lines.join('\n')}</pre>
          </div>
        </>
      )}
      <Next cause={cause} steps={ended?.next ?? []} />
    </section>
  )
}

/** A name such as REASON_CONTAINER_LIMITATION_MEMORY may go on in the next line behind each `_`. */
function breakable(text: string): preact.JSX.Element {
  return (
    <>
      {text.split(/(?<=_)/).map((part, index) => (
        <Fragment key={`${index} ${part}`}>
          {index > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </>
  )
}

/** What one can do next, in words; and as commands, which are copied. */
function Next({
  cause,
  steps,
}: {
  readonly cause: Cause
  readonly steps: readonly string[]
}): preact.JSX.Element {
  const commands = steps.filter((step) => step.startsWith('tepui '))
  // The master, which knows the task, says it better than its reason alone.
  const known = steps.filter((step) => !step.startsWith('tepui '))
  const said = (known.length > 0 ? known : [cause.next]).filter((one) => one !== '')
  return (
    <>
      {said.map((words) => (
        <p key={words} class="quiet after">
          {words}
        </p>
      ))}
      {commands.length > 0 && <Copyable text={commands.join('\n')} />}
    </>
  )
}
