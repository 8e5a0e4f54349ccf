// The options of the `usage` estimator, from the flag or at run time: one table, one set of refusals.
import { type OptionReader, durationOption, numberOption, readOptions } from '../base/options.ts'
import { formatDuration } from '../base/units.ts'

/** How borrowers are held below owners: the kernel's idle class, only a lower weight, or not at all. */
export type Tier = 'idle' | 'weight' | 'none'

const TIERS: readonly Tier[] = ['idle', 'weight', 'none']

/** Share of the cores that stays free when `headroom` is not given (spec/lending.md 3.2 step 7). */
const HEADROOM_OF: Readonly<Record<Tier, number>> = { idle: 0.1, weight: 0.2, none: 0.2 }

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000

const OPTIONS = {
  /** An owner's demand is this percentile of its load … */
  percentile: numberOption(95, 1, 100),
  /** … times this (Autopilot and the VPA add 10 to 15 %). */
  margin: numberOption(1.1, 1, 10),
  /** Share of all cores that is never lent: 0.1 while borrowers are in the kernel's idle class, else 0.2. */
  headroom: {
    ...numberOption(0, 0, 1),
    fallback: undefined,
  } as OptionReader<number | undefined>,
  half_life_short: durationOption(HOUR_MS, MINUTE_MS),
  half_life_long: durationOption(12 * HOUR_MS, MINUTE_MS),
  /** An owner that is not known for so long is taken to need all that it reserved (Borg and Serenity: 5 minutes). */
  cold_start: durationOption(300_000, 0),
  /** The machine's owners together are taken to need mean + sigma standard deviations of ten minutes. */
  sigma: numberOption(3, 0, 10),
  /** At most this share of the capacity is added to what is lent … */
  rise: numberOption(0.1, 0.01, 1),
  /** … per such interval … */
  rise_interval: durationOption(15_000, 0),
  /** … and only so long after what is lent fell, or was taken back. */
  quiet: durationOption(30_000, 0),
  /** What rose and soon had to fall again waits twice as long before the next rise, up to this. */
  quiet_max: durationOption(HOUR_MS, 0),
  /** An owner's demand is at least its highest second in this window. */
  window: boundedDuration(60_000, 1000, 600_000),
  /** Lends memory too. Off until asked for: memory cannot be taken back without ending borrowers. */
  memory: flagOption(false),
  memory_percentile: numberOption(98, 1, 100),
  memory_margin: numberOption(1.15, 1, 10),
  memory_half_life: durationOption(24 * HOUR_MS, MINUTE_MS),
  /** Of the memory that could be lent, this share is. */
  memory_share: numberOption(0.5, 0, 1),
  /** At most this share of all cores, and of all memory, is lent. */
  cap: numberOption(1, 0, 1),
  /** Which tier of the kernel is in force; the agent's self-check tells. `none`: no cpu is lent. */
  tier: wordOption(TIERS, 'idle'),
}

type Read = ReturnType<typeof readOptions<typeof OPTIONS>>
export type UsageOptions = Omit<Read, 'headroom'> & { readonly headroom: number }

/** @throws OperatingError USAGE for an unknown option or an impossible value, with what was expected */
export function readUsageOptions(given: Readonly<Record<string, string>>): UsageOptions {
  const read = readOptions('usage', OPTIONS, given)
  return { ...read, headroom: read.headroom ?? HEADROOM_OF[read.tier] }
}

function boundedDuration(fallbackMs: number, minMs: number, maxMs: number): OptionReader<number> {
  const { convert } = durationOption(fallbackMs, minMs)
  return {
    fallback: fallbackMs,
    expected: `a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`,
    convert: (text) => {
      const value = convert(text)
      return value !== undefined && value <= maxMs ? value : undefined
    },
  }
}

function flagOption(fallback: boolean): OptionReader<boolean> {
  return {
    fallback,
    expected: 'true or false',
    convert: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  }
}

function wordOption<W extends string>(words: readonly W[], fallback: W): OptionReader<W> {
  return {
    fallback,
    expected: `one of ${words.join(', ')}`,
    convert: (text) => words.find((word) => word === text),
  }
}
