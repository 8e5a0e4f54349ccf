// Small help with words for messages: the nearest known name to a mistyped one.

/** The nearest known name within two edits (half of its length at most) of `typed`; undefined when none is near. */
export function closest(typed: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.min(2, Math.floor(typed.length / 2)) + 1
  for (const name of known) {
    const distance = editDistance(typed, name)
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const change = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(change, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}

/** `1 task`, `3 tasks`; also of a figure that is written already: `0.50 cpus`. */
export function counted(count: number | string, noun: string): string {
  return `${count} ${noun}${String(count) === '1' ? '' : 's'}`
}

/** `1 cpu`, `2 cpus lent`, `64 MB`: a figure with its unit as records have it. */
export function withUnit(value: number | string, unit: string): string {
  const isOne = String(value) === '1'
  return `${value} ${isOne ? unit.replace(/^((?:lent )?cpu|borrower)s\b/, '$1') : unit}`
}
