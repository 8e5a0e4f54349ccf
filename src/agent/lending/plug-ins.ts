/**
 * Which estimator and controller are used, and their options as they were set while the agent ran: `usage` and
 * `pressure` once lending is wanted and nothing else was named.
 */
import { OperatingError } from '../../base/errors.ts'
import { parsePluginReference } from '../../base/options.ts'
import { loadEstimator } from '../../estimator/built-in.ts'
import { loadQosController } from '../../qos/built-in.ts'
import type { Plugins } from './lending.ts'
import type { OptionTexts } from './switch.ts'

/** As the flags name them. */
export interface PluginFlags {
  readonly estimator: string
  /** Undefined: nobody named one, not even `noop`; lending that is on has `pressure` then. */
  readonly controller: string | undefined
}

export interface PluginNames {
  readonly estimator: string
  readonly controller: string
}

/** What is used when lending is wanted: the flags, with the defaults in place of nothing. */
export function wantedPlugins(flags: PluginFlags): PluginNames {
  const { controller, estimator } = flags
  return { estimator: estimator === 'noop' ? 'usage' : estimator, controller: controller ?? 'pressure' }
}

/** What is used before lending is wanted: what the flags name and no more. */
export function namedPlugins({ controller, estimator }: PluginFlags): PluginNames {
  return { estimator, controller: estimator === 'noop' ? (controller ?? 'noop') : (controller ?? 'pressure') }
}

/** @throws OperatingError USAGE, PLUGIN as the flags' readers do */
export async function loadPlugins(names: PluginNames, onTrouble: (reason: string) => void): Promise<Plugins> {
  return {
    estimator: await loadEstimator(names.estimator, onTrouble),
    controller: await loadQosController(names.controller, onTrouble),
  }
}

/**
 * Gives both their options, or neither: what one refuses is taken back from the other.
 * @throws OperatingError USAGE with the name of the option and what was expected
 */
export async function configure(
  names: PluginNames,
  plugins: Plugins,
  options: { readonly estimator: OptionTexts; readonly controller: OptionTexts },
): Promise<void> {
  // Who cannot change anything says so before anything is changed.
  const estimator = isSome(options.estimator) ? changeable('estimator', plugins.estimator) : undefined
  const controller = isSome(options.controller) ? changeable('controller', plugins.controller) : undefined
  estimator?.configure({})
  controller?.configure({})
  // Made anew with the whole set of options, a plug-in refuses what it would refuse when it is changed.
  const check: PluginNames = {
    estimator: withOptions(names.estimator, options.estimator),
    controller: withOptions(names.controller, options.controller),
  }
  await loadPlugins(check, () => undefined)
  estimator?.configure(options.estimator)
  controller?.configure(options.controller)
}

interface Configurable {
  configure(options: OptionTexts): void
}

function changeable(kind: string, plugin: Partial<Configurable> | undefined): Configurable {
  if (plugin?.configure !== undefined) return plugin as Configurable
  throw new OperatingError('USAGE', `There is no ${kind} whose options could be set`)
}

/** `usage?margin=1.1` and `{ margin: '1.2' }` are `usage?margin=1.2`. */
function withOptions(reference: string, options: OptionTexts): string {
  if (!isSome(options)) return reference
  const { name, options: first } = parsePluginReference(reference)
  const pairs = Object.entries({ ...first, ...options }).map(([key, value]) => `${key}=${value}`)
  return `${name}?${pairs.join('&')}`
}

const isSome = (options: OptionTexts): boolean => Object.keys(options).length > 0
