// A sum of terms in one line for people, as commands and pages show it.

/** What of a term is shown; pages that were read back have no more. */
export interface ShownTerm {
  readonly name: string
  readonly value: number
  readonly of?: string | undefined
}

/** Terms of one name that stand on their own before they are added up to one. */
const MOST_OF_A_NAME = 3

/**
 * `1.33 reserved but idle (web) − 0.20 headroom`; many owners' terms of one name become one, `(web and 12 others)`.
 * Empty without terms.
 */
export function sumText(terms: readonly ShownTerm[]): string {
  return folded(terms)
    .map(({ name, of = '', value }, index) => {
      const sign = value < 0 ? '− ' : index === 0 ? '' : '+ '
      const owner = of === '' || of === 'the machine' ? '' : ` (${of})`
      return `${sign}${Math.abs(value).toFixed(2)} ${name}${owner}`
    })
    .join(' ')
}

function folded(terms: readonly ShownTerm[]): readonly ShownTerm[] {
  const byName = new Map<string, ShownTerm[]>()
  for (const term of terms) byName.set(term.name, [...(byName.get(term.name) ?? []), term])
  return [...byName].flatMap(([name, alike]) => {
    if (alike.length <= MOST_OF_A_NAME) return alike
    const value = alike.reduce((sum, term) => sum + term.value, 0)
    return [{ name, value, of: `${alike[0]?.of ?? ''} and ${alike.length - 1} others` }]
  })
}
