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
