// Finds the framework that somebody means by its name or the beginning of its id.
import { OperatingError } from '../base/errors.ts'
import { closest } from '../base/words.ts'
import type { ClusterState, StateFramework } from './master-api.ts'

/**
 * An exact id or name is preferred to the beginning of an id, a living framework to one that is gone; of those that are
 * gone with the same name the newest is meant.
 * @throws OperatingError REFUSED when there is none, USAGE when several are meant
 */
export function findFramework(state: ClusterState, typed: string): StateFramework {
  const { completedFrameworks, frameworks } = state
  const meant = (all: readonly StateFramework[]): readonly StateFramework[] => {
    const exact = all.filter(({ id, name }) => id === typed || name === typed)
    if (exact.length > 0 || typed === '') return exact
    return all.filter(({ id, name }) => id.startsWith(typed) || name.startsWith(typed))
  }
  const live = meant(frameworks)
  const gone = meant(completedFrameworks).toSorted((a, b) => b.registered - a.registered)
  const [found, other] = live.length > 0 ? live : gone.slice(0, 1)
  if (found === undefined) {
    const names = new Set([...frameworks, ...completedFrameworks].flatMap(({ id, name }) => [id, name]))
    const near = closest(typed, names)
    const hint = near === undefined ? '`tepui frameworks -a` lists all' : `Did you mean ${near}?`
    throw new OperatingError('REFUSED', `There is no framework '${typed}'`, { hint })
  }
  if (other === undefined) return found
  const ids = live.slice(0, 5).map(({ id, name }) => `${name} (${id})`)
  throw new OperatingError('USAGE', `'${typed}' means ${live.length} frameworks: ${ids.join(', ')}`, {
    hint: 'Type more of the id',
  })
}
