/** Buttons of which one is pressed: which rows, how much time. */

export function Choices(props: {
  readonly label: string
  readonly names: readonly string[]
  readonly chosen: string | undefined
  readonly onChoose: (name: string) => void
  readonly counts?: readonly number[]
}): preact.JSX.Element {
  const { chosen, counts, label, names, onChoose } = props
  return (
    <div class="tabs" role="group" aria-label={label}>
      {names.map((name, index) => (
        <button key={name} type="button" aria-pressed={name === chosen} onClick={() => onChoose(name)}>
          {name} {counts !== undefined && <small>{counts[index]}</small>}
        </button>
      ))}
    </div>
  )
}

/** How much time a chart shows, by name, in minutes. */
export type Spans = readonly (readonly [name: string, minutes: number])[]

export function SpanChoices(props: {
  readonly spans: Spans
  /** Undefined while somebody has chosen a time of their own in the chart. */
  readonly minutes: number | undefined
  readonly onChoose: (minutes: number) => void
}): preact.JSX.Element {
  const { minutes, onChoose, spans } = props
  const names = spans.map(([name]) => name)
  return (
    <Choices
      label="time shown"
      names={minutes === undefined ? [...names, OWN_TIME] : names}
      chosen={minutes === undefined ? OWN_TIME : spans.find(([, length]) => length === minutes)?.[0]}
      onChoose={(chosen) => {
        const length = spans.find(([name]) => name === chosen)?.[1]
        if (length !== undefined) onChoose(length)
      }}
    />
  )
}

const OWN_TIME = 'chosen'
