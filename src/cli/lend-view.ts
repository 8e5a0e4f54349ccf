// What agents lend, as commands show it: pages of master and agents put together, pure.
import { counted } from '../base/words.ts'
import { type StateAgent, type Json, list, number, object, text } from './master-api.ts'
import { sumText } from '../resources/sum-text.ts'
import { amountText } from './words.ts'

export interface TermRow {
  readonly name: string
  readonly value: number
  readonly of: string
  readonly why: string
}

export interface LendRow {
  readonly agent: string
  readonly estimator: string
  readonly controller: string
  /** What was set while it runs, over what the flags say. */
  readonly set: string
  readonly lending: boolean
  /** `off`, `observe`, `lend`, `full`; empty: the agent does not tell. */
  readonly mode: string
  /** Why nothing more is lent; empty when something may be. */
  readonly why: string
  /** What holds borrowers below owners, read back from the kernel. */
  readonly tier: string
  /** Cores that all borrowers are held to; undefined while nothing limits them. */
  readonly quota: number | undefined
  readonly frozen: number
  readonly total: number
  readonly allocated: number
  /** Told to be lent, used by borrowers' tasks. */
  readonly lent: number
  readonly lentAllocated: number
  /** What the newest estimate would add to what is lent; undefined while it is not known. */
  readonly additional: number | undefined
  readonly unknown: string
  readonly terms: readonly TermRow[]
  readonly takenBack: readonly { readonly at: number; readonly message: string }[]
}

/**
 * @param own the agent's part of the master's `/api/x1/lend`
 * @param page the agent's `/api/x1/lend`
 */
export function lendRow(agent: StateAgent, own: Json, page: Json): LendRow {
  const estimate = object(page['estimate'])
  const cpus = (value: unknown): number => number(object(value)['cpus'])
  return {
    agent: agent.name,
    estimator: text(page['estimator']),
    controller: text(page['controller']),
    set: [...optionTexts(page['estimator_options']), ...optionTexts(page['controller_options'])].join(' '),
    lending: page['lending'] === true,
    mode: text(page['mode']),
    why: text(page['why_not']),
    tier: text(page['tier_detail']),
    quota: typeof page['quota_cpus'] === 'number' ? page['quota_cpus'] : undefined,
    frozen: list(page['frozen']).length,
    total: cpus(own['total']),
    allocated: cpus(own['allocated']),
    lent: cpus(page['lent']),
    lentAllocated: cpus(own['lent_used']),
    additional: estimate['kind'] === 'known' ? cpus(estimate['additional']) : undefined,
    unknown: text(estimate['reason']) || text(estimate['kind']),
    // In cpus, as all figures here; memory has a sum of its own.
    terms: list(estimate['terms'])
      .map(object)
      .filter((term) => term['unit'] !== 'MB')
      .map((term) => ({
        name: text(term['name']),
        value: number(term['value']),
        of: text(term['of']),
        why: text(term['why']),
      })),
    takenBack: list(page['corrections']).map((one) => {
      const correction = object(one)
      return { at: number(correction['at']), message: text(correction['message']) }
    }),
  }
}

/** The sum in one line: `1.33 reserved but idle (web) − 0.20 headroom = 1.13 more cpus; lent 0.50, in use 0.50`. */
export function sumLine(row: LendRow): string {
  const use = `lent ${amountText(row.lent)}, in use ${amountText(row.lentAllocated)}`
  if (!row.lending && row.mode !== 'observe') {
    const rest = row.lentAllocated > 0 ? `; in use ${amountText(row.lentAllocated)} still` : ''
    return `lends nothing: lending is off (switch it on with \`tepui lend set --mode full\`)${rest}`
  }
  if (row.additional === undefined) {
    const unknown = row.unknown === 'none yet' ? 'no estimate yet' : `no estimate yet: ${row.unknown}`
    return `${unknown}; ${use}`
  }
  return `${sumText(row.terms)} = ${counted(amountText(row.additional), 'more cpu')}; ${use}`
}

function optionTexts(options: unknown): readonly string[] {
  return Object.entries(object(options)).map(([name, value]) => `${name}=${text(value)}`)
}
