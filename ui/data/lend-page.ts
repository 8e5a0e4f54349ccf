// What an agent says of its lending (`/api/x1/lend`) and of its disk (`/api/x1/gc`), as far as the page shows it.

export interface Term {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly of?: string
  readonly why: string
}

export interface LendPage {
  readonly mode: string
  readonly paused: boolean
  readonly windows: string
  readonly estimator: string
  readonly controller: string
  readonly estimator_options: Readonly<Record<string, string>>
  readonly controller_options: Readonly<Record<string, string>>
  readonly why_not?: string
  readonly tier: string
  readonly tier_detail: string
  readonly lent: Readonly<Record<string, number>>
  readonly estimate: {
    readonly kind: string
    readonly reason?: string
    readonly additional?: Readonly<Record<string, number>>
    readonly terms?: readonly Term[]
  }
  readonly quota_cpus: number | 'max'
  readonly frozen: readonly unknown[]
  readonly containers?: readonly Container[]
}

export interface Container {
  readonly container_id: string
  readonly framework_id: string
  readonly executor_id: string
  readonly tasks: readonly string[]
  readonly revocable: boolean
  readonly allocated: Readonly<Record<string, number>>
  readonly statistics?: Readonly<Record<string, number | undefined>>
  readonly cpus?: number
  readonly waits?: number
  /** What its sandbox takes; `allocated.disk` is what it reserved, in MB. */
  readonly disk_used_bytes?: number
  readonly frozen?: boolean
}

export interface GcPage {
  readonly disk: { readonly usage: number; readonly total_bytes: number }
  readonly rules: { readonly max_allowed_age_secs: number }
  readonly scheduled_total: number
  readonly scheduled_bytes: number
  readonly collecting?: boolean
  readonly scheduled: readonly {
    readonly path: string
    readonly executor_id?: string
    readonly task_ids?: readonly string[]
    readonly ending?: string
    readonly ended: number
    readonly due: number
    readonly due_now?: boolean
    readonly bytes?: number
    readonly why?: string
  }[]
}

/** As the controller `pressure` has them unless they are set otherwise. */
export const USUAL_THRESHOLDS = { squeeze: 0.05, freeze: 0.1, memory_full: 0.1 } as const
export type Threshold = keyof typeof USUAL_THRESHOLDS

/** The name in a flag such as `pressure?squeeze=0.1`. */
export const plugInName = (flag: string): string => flag.split('?')[0] ?? ''

/**
 * From where on the controller acts: set while it ran, else with its flag, else as usual. Undefined of another
 * controller, which has limits of its own.
 */
export function thresholdOf(
  page: Pick<LendPage, 'controller' | 'controller_options'> | undefined,
  option: Threshold,
): number | undefined {
  if (page === undefined || plugInName(page.controller) !== 'pressure') return undefined
  const given = new URLSearchParams(page.controller.split('?')[1] ?? '').get(option) ?? undefined
  const set = Number(page.controller_options[option] ?? given ?? Number.NaN)
  return Number.isFinite(set) ? set : USUAL_THRESHOLDS[option]
}

/** The estimate as the sum that it is, small terms together: `1.33 reserved but idle (web) − 0.20 headroom`. */
export function sumText(terms: readonly Term[], unit: string): string {
  const shown = terms.filter((term) => term.unit === unit && Math.abs(term.value) >= 0.005)
  const figure = (value: number): string => String(Number(Math.abs(value).toFixed(unit === 'MB' ? 0 : 2)))
  return shown
    .map(({ name, of, value }, index) => {
      const sign = value < 0 ? '− ' : index === 0 ? '' : '+ '
      return `${sign}${figure(value)} ${name}${of === undefined || of === '' ? '' : ` (${of})`}`
    })
    .join(' ')
}

/** MB that count against the limit: without the file cache that the kernel drops at once. */
export function memoryUsed(container: Container | undefined): number | undefined {
  const bytes = container?.statistics?.['memoryBytes']
  if (bytes === undefined) return undefined
  return Math.max(0, bytes - (container?.statistics?.['memoryInactiveFileBytes'] ?? 0)) / 1024 ** 2
}
