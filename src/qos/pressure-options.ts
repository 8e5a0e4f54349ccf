// The options of the `pressure` controller, each with its default from spec/lending.md 3.3 and 3.7, and their refusals.
import { OperatingError } from '../base/errors.ts'
import { durationOption, numberOption, readOptions } from '../base/options.ts'

const OPTIONS = {
  /** Share of the time an owner may wait for a core (PSI some, net) before borrowers are squeezed … */
  squeeze: numberOption(0.05, 0.001, 1),
  /** … frozen, when a squeeze was not enough … */
  freeze: numberOption(0.1, 0.001, 1),
  /** … and below which it is calm again. */
  relax: numberOption(0.02, 0, 1),
  /** Over how long pressure is measured, and what each step gets to show its effect. */
  window: durationOption(200, 50),
  /** Squeezed borrowers keep this share of all cores, so that one that holds a lock can let go of it. */
  floor: numberOption(0.05, 0.001, 1),
  /** Share of all cores that a squeeze leaves free beside what owners use. */
  headroom: numberOption(0.1, 0, 1),
  /** Owners must be calm for so long before the quota grows … */
  calm: durationOption(5000, 0),
  /** … by this factor a second. */
  growth: numberOption(1.2, 1.01, 10),
  /** A freeze lasts so long, longer by as much with each repeat … */
  hold: durationOption(10_000, 100),
  /** … up to so long … */
  hold_cap: durationOption(30_000, 100),
  /** … and the extra time goes by so many seconds a second. */
  hold_decay: numberOption(0.5, 0, 100),
  /** How long a freeze is only a question when it is unclear whether borrowers matter. */
  probe: durationOption(50, 10),
  /** After an innocent verdict an owner's pressure does not count for so long; also between two records of it. */
  innocent: durationOption(60_000, 0),
  /** For cpu, borrowers are evicted after so long frozen … */
  frozen: durationOption(30_000, 0),
  /** … within so long. */
  frozen_window: durationOption(60_000, 1000),
  /** Share of the machine's memory that stays available. */
  memory_reserve: numberOption(0.05, 0, 0.9),
  /** Share of the time in which an owner may stand still for memory (PSI full). */
  memory_full: numberOption(0.1, 0.001, 1),
  /** No second round of evictions before so long (spec/lending.md 2.3, as Koordinator). */
  cooldown_memory: durationOption(4000, 0),
  cooldown_cpu: durationOption(20_000, 0),
  /** From SIGTERM to SIGKILL. */
  grace_memory: durationOption(2000, 0),
  grace_cpu: durationOption(5000, 0),
  /** A little more than is missed, so that one round suffices. */
  surplus: numberOption(1.1, 1, 10),
  /** Nothing more is lent for so long after the last trouble. */
  unlend: durationOption(30_000, 0),
  /** Ends a borrower that gets next to nothing for so long while owners use the machine; 0ns: never. */
  starved: durationOption(0, 0),
  /** … next to nothing: below this share of the cpus that were lent to it. */
  starved_share: numberOption(0.05, 0.001, 1),
}

export type PressureOptions = ReturnType<typeof readOptions<typeof OPTIONS>>

/** @throws OperatingError USAGE for unknown names, wrong values, and values that contradict each other */
export function readPressureOptions(given: Readonly<Record<string, string>>): PressureOptions {
  const options = readOptions('pressure', OPTIONS, given)
  if (options.freeze < options.squeeze) refuse('freeze', options.freeze, 'squeeze', options.squeeze)
  if (options.squeeze <= options.relax) {
    const hint = 'Without a gap between them borrowers are squeezed and relaxed in turns'
    throw new OperatingError(
      'USAGE',
      `'squeeze' (${options.squeeze}) of 'pressure' must be above 'relax' (${options.relax})`,
      { hint },
    )
  }
  if (options.hold_cap < options.hold)
    refuse('hold_cap', options.hold_cap / 1000, 'hold', options.hold / 1000)
  if (options.frozen_window <= options.frozen)
    refuse('frozen_window', options.frozen_window / 1000, 'frozen', options.frozen / 1000)
  return options
}

function refuse(name: string, value: number, other: string, bound: number): never {
  throw new OperatingError(
    'USAGE',
    `'${name}' (${value}) of 'pressure' must not be below '${other}' (${bound})`,
  )
}
