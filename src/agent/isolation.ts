// What this machine can enforce, said in a line at the start; and `--isolation` as what must be enforceable.
import { OperatingError } from '../base/errors.ts'
import type { Cgroups, PowerName } from '../containerizer/cgroups.ts'

/** Isolators of Mesos that we have, and the powers that they need; the posix ones only measure. */
const ISOLATORS: Readonly<Record<string, readonly PowerName[]>> = {
  'posix/cpu': [],
  'posix/mem': [],
  'posix/rlimits': [],
  process: [],
  'filesystem/posix': [],
  'cgroups/cpu': ['cpu shares'],
  'cgroups/mem': ['memory limit'],
  'cgroups/pids': ['pids limit'],
  cgroups: ['cpu shares', 'memory limit'],
}

/**
 * Refuses isolators that we do not have or that cannot work here.
 * @throws OperatingError USAGE (no such isolator), ISOLATION (not on this machine)
 */
export function requireIsolation(wanted: readonly string[], cgroups: Cgroups): void {
  for (const name of wanted) {
    const needs = Object.hasOwn(ISOLATORS, name) ? ISOLATORS[name] : undefined
    if (needs === undefined) {
      throw new OperatingError('USAGE', `Flag '--isolation' names '${name}', which is not supported`, {
        hint: `Known: ${Object.keys(ISOLATORS).join(', ')}`,
      })
    }
    for (const power of needs) {
      const missing = cgroups.powers.find((one) => one.name === power && !one.available)
      if (missing === undefined || missing.available) continue
      throw new OperatingError('ISOLATION', `Isolator '${name}' cannot work here: ${missing.reason}`, {
        hint: missing.fix,
      })
    }
  }
}
