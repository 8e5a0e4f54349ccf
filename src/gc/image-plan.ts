/**
 * Which image goes next, and why one stays: those that nobody has a container of, the longest unused first
 * (spec/mesos.md 10, docs/decisions/0007). Pure.
 */

export interface KnownImage {
  /** The engine's. */
  readonly id: string
  /** By which tasks named it. */
  readonly names: readonly string[]
  /** That the engine has for it now; none when the last one moved to another image. */
  readonly present: readonly string[]
  /** The agent had it pulled; else it was there before a task used it. */
  readonly pulled: boolean
  /** Wall time, ms. */
  readonly usedAt: number
  readonly bytes: number
  /** Of whoever, running or not. */
  readonly containers: number
  /** Wall time before which it is not tried again after a failure, ms. */
  readonly notBefore?: number
}

export interface ImageRules {
  /** `--image_gc_config` was given. */
  readonly isOn: boolean
  /** `image_disk_headroom`, 0 to 1. */
  readonly headroom: number
  /** Also images that were there before a task used them (`collect_used`, of Tepui). */
  readonly includesUsed: boolean
  /** Names that never go. */
  readonly excluded: readonly string[]
}

interface ImageMoment {
  /** Wall time, ms. */
  readonly now: number
  readonly isTight: boolean
  /** In place of the disk: whatever was not used for so long goes, ms. */
  readonly olderThanMs: number | undefined
}

export interface ImageChoice {
  readonly image: KnownImage
  readonly why: 'space' | 'asked'
}

/** What was used a moment ago stays: a task may be about to get its container. */
const FRESH_MS = 60_000

/** Why it stays however full the disk is, for people; undefined when it may go. */
export function whyKept(image: KnownImage, rules: ImageRules): string | undefined {
  const { containers, names, present, pulled } = image
  if (containers > 0) return `in use by ${containers} ${containers === 1 ? 'container' : 'containers'}`
  if (!rules.isOn) return '--image_gc_config is not set'
  if ([...names, ...present].some((name) => rules.excluded.includes(name))) return 'excluded'
  if (!pulled && !rules.includesUsed) return 'not pulled by this agent'
  const foreign = present.find((name) => !names.includes(name))
  return foreign === undefined ? undefined : `also named ${foreign}`
}

/** Undefined when all may stay for now, or have to. */
export function nextImage(
  all: Iterable<KnownImage>,
  rules: ImageRules,
  moment: ImageMoment,
): ImageChoice | undefined {
  let best: ImageChoice | undefined
  for (const image of all) {
    if (whyKept(image, rules) !== undefined || (image.notBefore ?? 0) > moment.now) continue
    const why = whyDue(moment.now - image.usedAt, moment)
    if (why !== undefined && (best === undefined || isBefore(image, best.image))) best = { image, why }
  }
  return best
}

function whyDue(idleMs: number, { isTight, olderThanMs }: ImageMoment): ImageChoice['why'] | undefined {
  if (olderThanMs !== undefined && idleMs >= olderThanMs) return 'asked'
  return isTight && idleMs >= FRESH_MS ? 'space' : undefined
}

/** The longest unused; of equal ones the one with the lower id, so that the order is one. */
function isBefore(a: KnownImage, b: KnownImage): boolean {
  return a.usedAt < b.usedAt || (a.usedAt === b.usedAt && a.id < b.id)
}

/** For people. */
export function nameOf({ id, names, present }: KnownImage): string {
  return present[0] ?? `${names[0] ?? ''} (${id.slice(0, 'sha256:'.length + 12)})`
}
