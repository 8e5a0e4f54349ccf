// Which rules a replay compares: ours with its settings, Mesos' own, those of others as re-created here, any module.
import { OperatingError } from '../base/errors.ts'
import { parsePluginReference } from '../base/options.ts'
import { loadPlugin } from '../base/plugins.ts'
import type { EstimatorModule } from '../estimator/estimator.ts'
import { GuardedEstimator } from '../estimator/guarded.ts'
import { RULES } from '../estimator/rules/recreated.ts'
import { Resources } from '../resources/resources.ts'

/** Each rule costs a state per owner and a look per second. */
const MAX_RULES = 32
/** `fixed` has no default in Mesos; here it lends this share of the cores unless told otherwise. */
const FIXED_SHARE = 0.25
/** Those that are built in and not re-created from somebody's words. */
const OWN = new Set(['usage', 'fixed'])

export interface WantedRules {
  /** Named by `--estimator`: `--set` is about this one. */
  readonly estimator: string | undefined
  readonly settings: Readonly<Record<string, string>>
  /** `all`, or references such as `usage,borg?margin=0.5`, separated by commas. */
  readonly rules: string | undefined
}

export interface LoadedRule {
  readonly name: string
  readonly recreated: boolean
  readonly estimator: GuardedEstimator
  /** What went wrong while it ran. */
  readonly troubles: { count: number; first: string | undefined }
}

/** @throws OperatingError USAGE for what is unknown or impossible, PLUGIN for a module that cannot be loaded */
export async function loadRules(wanted: WantedRules, cores: number): Promise<readonly LoadedRule[]> {
  const references = referencesOf(wanted)
  if (references.length > MAX_RULES)
    throw new OperatingError('USAGE', `${references.length} rules are too many: ${MAX_RULES} are the limit`)
  return Promise.all(references.map((reference) => load(reference, cores)))
}

/** Without repeats, in the order in which they were named; the one with settings comes first. */
export function referencesOf({ estimator, rules, settings }: WantedRules): readonly string[] {
  const set = Object.entries(settings).map(([key, value]) => {
    if (/[&?]/.test(key + value))
      throw new OperatingError('USAGE', `The setting '${key}=${value}' has a '&' or '?' in it`)
    return `${key}=${value}`
  })
  const first: string[] = []
  if (estimator !== undefined || set.length > 0) {
    const name = estimator ?? 'usage'
    first.push(set.length === 0 ? name : `${name}${name.includes('?') ? '&' : '?'}${set.join('&')}`)
  }
  const named = (rules ?? 'all').split(',').flatMap((name) => {
    if (name.trim() === '') throw new OperatingError('USAGE', "Option '--rules' has an empty name in it")
    return name.trim() === 'all' ? Object.keys(RULES) : [name.trim()]
  })
  return [...new Set([...first, ...named])]
}

async function load(reference: string, cores: number): Promise<LoadedRule> {
  const { name, options } = parsePluginReference(reference)
  const bare = name === 'fixed' && options['resources'] === undefined
  const amount = `resources=cpus:${Math.round(cores * FIXED_SHARE * 1000) / 1000}`
  const whole = bare ? `${reference}${reference.includes('?') ? '&' : '?'}${amount}` : reference
  const module = (await loadPlugin<EstimatorModule>('rule', RULES, whole)) ?? NOTHING
  const troubles: LoadedRule['troubles'] = { count: 0, first: undefined }
  const estimator = new GuardedEstimator(module, (reason) => {
    troubles.count++
    troubles.first ??= reason
  })
  const recreated = Object.hasOwn(RULES, name) && !OWN.has(name)
  return { name: whole, recreated, estimator, troubles }
}

const NOTHING: EstimatorModule = {
  name: 'noop',
  estimate: () => ({ kind: 'known', additional: Resources.empty, terms: [] }),
}
