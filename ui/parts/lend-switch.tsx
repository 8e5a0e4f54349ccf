/** The switch of lending on an agent, and the sum behind what it lends: each figure with its reason. */
import { useState } from 'preact/hooks'
import type { AgentRow } from '../../src/wire/page.ts'
import { type LendPage, sumText } from '../data/lend-page.ts'
import { address, postJson } from '../data/requests.ts'
import { amount, counted, cpuText, memory } from '../data/words.ts'
import { Trouble } from './pieces.tsx'
import { TermTable } from './term-table.tsx'

const MODES: Readonly<Record<string, string>> = {
  off: 'off: nothing is lent',
  observe: 'observe: only written down',
  lend: 'lend: no borrower is ended',
  full: 'full: borrowers may be ended',
}

export async function changeLending(
  agentId: string,
  change: Readonly<Record<string, unknown>>,
): Promise<string | undefined> {
  try {
    await postJson(address(`api/x1/agents/${encodeURIComponent(agentId)}/lend`), change)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

export function LendSwitch(props: {
  readonly agent: AgentRow
  readonly page: LendPage | undefined
  readonly onChanged: () => void
}): preact.JSX.Element {
  const { agent, onChanged, page } = props
  const [trouble, setTrouble] = useState<string | undefined>(undefined)
  const change = async (what: Readonly<Record<string, unknown>>): Promise<void> => {
    setTrouble(await changeLending(agent.id, what))
    onChanged()
  }
  const mode = page?.mode ?? agent.mode
  const isPaused = page?.paused === true
  return (
    <>
      <div class="buttons">
        <select
          aria-label="mode of lending"
          value={mode}
          disabled={page === undefined}
          onChange={(event) => void change({ mode: event.currentTarget.value })}
        >
          {Object.entries(MODES).map(([name, words]) => (
            <option key={name} value={name}>
              {words}
            </option>
          ))}
        </select>
        <button
          type="button"
          disabled={page === undefined}
          onClick={() => void change({ paused: !isPaused })}
        >
          {isPaused ? '▶ resume lending' : '‖ pause lending'}
        </button>
      </div>
      {trouble !== undefined && <Trouble words={trouble} />}
    </>
  )
}

export function Formula({
  agent,
  page,
}: {
  readonly agent: AgentRow
  readonly page: LendPage
}): preact.JSX.Element {
  const { estimate } = page
  const terms = (estimate.terms ?? []).filter(({ unit }) => unit === 'cpus')
  const more = estimate.kind === 'known' ? (estimate.additional?.['cpus'] ?? 0) : undefined
  return (
    <>
      <p class="formula">
        {more === undefined ? (
          <>The estimate is not known{estimate.reason === undefined ? ' yet' : `: ${estimate.reason}`}.</>
        ) : (
          <>
            {sumText(terms, 'cpus') || '0'} = <b>{cpuText(more, 'more')}</b> could be lent
          </>
        )}
      </p>
      <p>
        To lend: <b class="lent-mark">{cpuText(page.lent['cpus'] ?? 0)}</b>
        {(page.lent['mem'] ?? 0) > 0 && `, ${memory(page.lent['mem'] ?? 0)}`}; held by borrowers:{' '}
        {amount(agent.lentHeld.cpus)}.
        {page.quota_cpus !== 'max' && ` Borrowers are held to ${cpuText(page.quota_cpus)}.`}
        {page.frozen.length > 0 && ` Standing still: ${counted(page.frozen.length, 'borrower')}.`}
      </p>
      {page.why_not !== undefined && <p class="trouble">Nothing more is lent: {page.why_not}</p>}
      {terms.length > 0 && <TermTable terms={terms} />}
      <p class="quiet after">
        {page.tier_detail}; estimator {page.estimator}, controller {page.controller}
        {page.windows === '' ? '' : `; windows: ${page.windows}`}
      </p>
    </>
  )
}
