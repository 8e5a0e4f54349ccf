// Keeps a plug-in from doing harm: what throws, answers nonsense or names an owner is reported and corrects nothing.
import { OperatingError, reasonOf } from '../base/errors.ts'
import { parseDecision } from '../resources/decision-form.ts'
import { recompute } from '../resources/decision.ts'
import { CorrectorAdapter } from './adapter.ts'
import type { Action, Corrector, QosController, QosInput } from './controller.ts'
import { InForce } from './in-force.ts'

const KINDS = ['squeeze', 'relax', 'freeze', 'thaw', 'evict', 'unlend', 'not-ours']
/** No pulse may lead to more. */
const MAX_ACTIONS = 1000

/** A controller that has not answered for so long has died as far as borrowers can tell. */
const SILENT_MS = 3000
/** After its failure let borrowers go, it squeezes and freezes nobody for so long: they are not to be shaken. */
const DISTRUST_MS = 5000

interface Question {
  readonly askedAt: number
  isTold: boolean
}

/** What a controller has in force is lifted when it throws, answers nonsense or falls silent: its borrowers go on. */
export class GuardedController implements QosController {
  readonly name: string
  readonly #inner: QosController
  readonly #onTrouble: (reason: string) => void
  readonly #inForce = new InForce()
  /** Not answered yet; there is at most one. */
  #question: Question | undefined
  #distrustedUntil = Number.NEGATIVE_INFINITY

  constructor(inner: QosController | Corrector, onTrouble: (reason: string) => void) {
    this.name = inner.name
    this.#inner = 'decide' in inner ? inner : new CorrectorAdapter(inner)
    this.#onTrouble = onTrouble
  }

  /** Never rejects: nothing is corrected by what failed. Asked again while one answer is out, it waits for that one. */
  async decide(input: QosInput): Promise<readonly Action[]> {
    if (this.#question !== undefined) return this.#unanswered(this.#question, input)
    const question: Question = { askedAt: input.pulse.monotonic, isTold: false }
    this.#question = question
    try {
      const answer = await this.#ask(input)
      // Meanwhile its borrowers were let go: what it decided is about a machine of seconds ago.
      return question.isTold ? [] : this.#settle(answer, input)
    } finally {
      this.#question = undefined
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
    this.#inForce.forget()
    try {
      this.#inner.reset?.()
    } catch (error) {
      this.#onTrouble(`Controller '${this.name}' failed to forget what was in force: ${reasonOf(error)}`)
    }
  }

  /** Its actions without the nonsense, and what was wrong at last. */
  async #ask(input: QosInput): Promise<{ readonly actions: readonly Action[]; readonly trouble?: string }> {
    try {
      const actions: unknown = await this.#inner.decide(input)
      if (!Array.isArray(actions)) throw new OperatingError('PLUGIN', 'it did not answer with a list')
      if (actions.length > MAX_ACTIONS)
        throw new OperatingError('PLUGIN', `it answered with ${actions.length} actions`)
      const wrong = new Map(actions.map((action: Action) => [action, nonsense(action, input)]))
      const troubles = [...wrong.values()].filter((one) => one !== undefined)
      for (const one of troubles) this.#onTrouble(`Controller '${this.name}' answered nonsense: ${one}`)
      const sane = actions.filter((action: Action) => wrong.get(action) === undefined)
      const trouble = troubles.length > 0 ? { trouble: `Controller '${this.name}' answered nonsense` } : {}
      return { actions: sane, ...trouble }
    } catch (error) {
      const trouble = `Controller '${this.name}' failed: ${reasonOf(error)}`
      this.#onTrouble(trouble)
      return { actions: [], trouble }
    }
  }

  #settle(
    { actions, trouble }: { readonly actions: readonly Action[]; readonly trouble?: string },
    input: QosInput,
  ): readonly Action[] {
    const isDistrusted = input.pulse.monotonic < this.#distrustedUntil
    const taken = isDistrusted
      ? actions.filter(({ kind }) => kind !== 'squeeze' && kind !== 'freeze')
      : actions
    this.#inForce.take(taken)
    return trouble === undefined ? taken : [...taken, ...this.#letGo(input, trouble)]
  }

  #unanswered(question: Question, input: QosInput): readonly Action[] {
    const silentMs = input.pulse.monotonic - question.askedAt
    if (question.isTold || silentMs < SILENT_MS) return []
    question.isTold = true
    const trouble = `Controller '${this.name}' has not answered for ${(silentMs / 1000).toFixed(1)} s`
    this.#onTrouble(trouble)
    return this.#letGo(input, trouble)
  }

  #letGo({ pulse }: QosInput, trouble: string): readonly Action[] {
    const actions = this.#inForce.letGo(pulse, trouble)
    if (actions.length === 0) return []
    this.#distrustedUntil = pulse.monotonic + DISTRUST_MS
    this.reset()
    return actions
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
