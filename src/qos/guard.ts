// Keeps a plug-in from doing harm: what throws, answers nonsense or names an owner is reported and corrects nothing.
import { OperatingError, reasonOf } from '../base/errors.ts'
import { parseDecision } from '../resources/decision-form.ts'
import { recompute } from '../resources/decision.ts'
import { CorrectorAdapter } from './adapter.ts'
import type { Action, Corrector, QosController, QosInput } from './controller.ts'

const KINDS = ['squeeze', 'relax', 'freeze', 'thaw', 'evict', 'unlend', 'not-ours']
/** No pulse may lead to more. */
const MAX_ACTIONS = 1000

export class GuardedController implements QosController {
  readonly name: string
  readonly #inner: QosController
  readonly #onTrouble: (reason: string) => void

  constructor(inner: QosController | Corrector, onTrouble: (reason: string) => void) {
    this.name = inner.name
    this.#inner = 'decide' in inner ? inner : new CorrectorAdapter(inner)
    this.#onTrouble = onTrouble
  }

  /** Never rejects: nothing is corrected by what failed. */
  async decide(input: QosInput): Promise<readonly Action[]> {
    try {
      const actions: unknown = await this.#inner.decide(input)
      if (!Array.isArray(actions)) throw new OperatingError('PLUGIN', 'it did not answer with a list')
      if (actions.length > MAX_ACTIONS)
        throw new OperatingError('PLUGIN', `it answered with ${actions.length} actions`)
      return actions.filter((action: Action) => this.#sane(action, input))
    } catch (error) {
      this.#onTrouble(`Controller '${this.name}' failed: ${reasonOf(error)}`)
      return []
    }
  }

  /** @throws OperatingError USAGE when it refuses them or takes none while running; it keeps those that it has */
  configure(options: Readonly<Record<string, string>>): void {
    if (this.#inner.configure === undefined)
      throw new OperatingError('USAGE', `The controller '${this.name}' takes no other options while it runs`)
    this.#inner.configure(options)
  }

  /** Never throws. */
  reset(): void {
    try {
      this.#inner.reset?.()
    } catch (error) {
      this.#onTrouble(`Controller '${this.name}' failed to forget what was in force: ${reasonOf(error)}`)
    }
  }

  #sane(action: Action, input: QosInput): boolean {
    const wrong = nonsense(action, input)
    if (wrong === undefined) return true
    this.#onTrouble(`Controller '${this.name}' answered nonsense: ${wrong}`)
    return false
  }
}

/** What is wrong with an action of somebody else's code, or undefined. */
function nonsense(action: Action, input: QosInput): string | undefined {
  if (typeof action !== 'object' || action === null) return 'an action is not an object'
  if (!KINDS.includes(action.kind)) return `there is no action ${JSON.stringify(action.kind)}`
  return wrongTarget(action, input) ?? wrongFigure(action) ?? wrongDecision(action)
}

/** Only a borrower that is there may be touched: an owner never is, whatever a plug-in says. */
function wrongTarget(action: Action, { pulse }: QosInput): string | undefined {
  if (action.kind !== 'freeze' && action.kind !== 'thaw' && action.kind !== 'evict') return undefined
  const ids = action.kind === 'evict' ? [action.containerId] : action.containerIds
  if (!Array.isArray(ids)) return `the ${action.kind} names no containers`
  for (const id of ids) {
    const target = pulse.containers.find(({ containerId }) => containerId === id)
    if (target?.revocable !== true) return `'${id}', which it wants to ${action.kind}, is no borrower`
    if (action.kind !== 'evict') continue
    if (target.frameworkId !== action.frameworkId || target.executorId !== action.executorId)
      return `'${id}' does not belong to executor '${action.executorId}' of framework '${action.frameworkId}'`
  }
  return undefined
}

function wrongFigure(action: Action): string | undefined {
  const figures: readonly unknown[] =
    action.kind === 'squeeze'
      ? [action.quotaCpus, action.periodMs]
      : action.kind === 'freeze'
        ? [action.probeMs ?? 1]
        : action.kind === 'unlend'
          ? [action.forMs]
          : []
  if (!figures.every((figure) => Number.isFinite(figure) && Number(figure) > 0))
    return `a ${action.kind} has the figures ${figures.join(', ')}`
  if (action.kind === 'relax' && !(action.quotaCpus > 0))
    return `a relax has the quota ${String(action.quotaCpus)}`
  if (action.kind !== 'evict') return undefined
  if (typeof action.message !== 'string') return 'an evict has no message'
  return Number.isFinite(action.graceMs) && action.graceMs >= 0
    ? undefined
    : `an evict has the grace ${String(action.graceMs)}`
}

function wrongDecision(action: Action): string | undefined {
  const decision = parseDecision(action.decision)
  if ('rejected' in decision) return decision.message
  if (decision.kind !== action.kind) return `a ${action.kind} carries the record of a ${decision.kind}`
  const gap = recompute(decision)
  return gap === undefined ? undefined : `the record of a ${action.kind} does not recompute: ${gap}`
}
