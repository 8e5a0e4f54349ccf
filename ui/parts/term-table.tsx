/** The terms of a sum of lending, each with its whole reason. */
import type { Term } from '../data/lend-page.ts'
import { amount } from '../data/words.ts'

export function TermTable({ terms }: { readonly terms: readonly Term[] }): preact.JSX.Element {
  return (
    <table class="terms" aria-label="terms of the sum">
      <thead>
        <tr>
          <th scope="col">term</th>
          <th scope="col" class="figure">
            amount
          </th>
          <th scope="col">because</th>
        </tr>
      </thead>
      <tbody>
        {terms.map(({ name, of, unit, value, why }, index) => (
          <tr key={index}>
            <td>
              {name}
              {of !== undefined && of !== '' && <span class="quiet"> {of}</span>}
            </td>
            <td class="figure">
              {value > 0 ? '+' : ''}
              {amount(value)} {unit}
            </td>
            <td>{why}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
