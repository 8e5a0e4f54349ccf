/** The field that `/` leads to: words that a row must have, kept in the address. */
import { place, setQuery } from '../route.ts'

export function Filter({ hint }: { readonly hint: string }): preact.JSX.Element {
  const text = place.value.query.get('q') ?? ''
  return (
    <label class="filter">
      <span aria-hidden="true">/</span>
      <input
        id="filter"
        type="search"
        value={text}
        placeholder={hint}
        aria-label={`Filter: ${hint}`}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => setQuery('q', event.currentTarget.value)}
      />
    </label>
  )
}

/** Rows that have every word somewhere in what `wordsOf` says of them. */
export function filtered<T>(rows: readonly T[], wordsOf: (row: T) => string): readonly T[] {
  const words = (place.value.query.get('q') ?? '')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  if (words.length === 0) return rows
  return rows.filter((row) => {
    const text = wordsOf(row).toLowerCase()
    return words.every((word) => text.includes(word))
  })
}
