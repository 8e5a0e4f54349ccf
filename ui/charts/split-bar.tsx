/** One bar of what is used, lent, idle and free, with the figures in words; below it those that matter most. */
import { PART_NAMES, partsOf, type Whole } from './stack.ts'
import { PART_WORDS } from './stack-chart.tsx'

export function SplitBar({
  figures,
  format,
  whole,
}: {
  readonly whole: Whole
  readonly format: (value: number) => string
  readonly figures?: string
}): preact.JSX.Element {
  const parts = partsOf(whole)
  const sum = PART_NAMES.reduce((total, name) => total + parts[name], 0)
  const words = PART_NAMES.map((name) => `${PART_WORDS[name]} ${format(parts[name])}`).join(', ')
  return (
    <>
      <div class="bar" role="img" aria-label={words} title={words}>
        {PART_NAMES.map((name) => (
          <i key={name} class={name} style={{ width: `${sum > 0 ? (parts[name] / sum) * 100 : 0}%` }} />
        ))}
      </div>
      {figures !== undefined && <div class="figures">{figures}</div>}
    </>
  )
}
