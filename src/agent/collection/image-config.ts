// Reads `--image_gc_config`: Mesos' message ImageGcConfig as JSON (spec/mesos.md, appendix C), and one field of ours.

export interface ImageGcConfig {
  /** Part of the engine's disk that should stay free, 0 to 1. */
  readonly headroom: number
  readonly watchMs: number
  /** Names of Docker images that never go. */
  readonly excluded: readonly string[]
  /** Of Tepui: also images that were there before a task used them, which nobody may be able to pull again. */
  readonly includesUsed: boolean
}

const FIELDS = ['image_disk_headroom', 'image_disk_watch_interval', 'excluded_images', 'collect_used']
/** The defaults of Mesos' message. */
const HEADROOM = 0.1
const WATCH_NANOSECONDS = 3600e9
const LEAST_MS = 100

/** Undefined when it is not such a message. */
export function readImageGcConfig(text: string): ImageGcConfig | undefined {
  const value = objectOf(parsed(text))
  if (value === undefined || Object.keys(value).some((name) => !FIELDS.includes(name))) return undefined
  const { collect_used: includesUsed = false, image_disk_headroom: headroom = HEADROOM } = value
  const { excluded_images: images = [], image_disk_watch_interval: interval = {} } = value
  const { nanoseconds = WATCH_NANOSECONDS } = objectOf(interval) ?? { nanoseconds: 'no message' }
  const excluded = Array.isArray(images) ? images.map(nameIn) : [undefined]
  if (typeof includesUsed !== 'boolean') return undefined
  if (typeof headroom !== 'number' || !(headroom >= 0 && headroom <= 1)) return undefined
  if (typeof nanoseconds !== 'number' || !(nanoseconds / 1e6 >= LEAST_MS)) return undefined
  const names = excluded.filter((name) => name !== undefined)
  if (names.length < excluded.length) return undefined
  return { headroom, watchMs: nanoseconds / 1e6, excluded: names, includesUsed }
}

/** Of `{"type": "DOCKER", "docker": {"name": "busybox"}}`; Appc images are not run here. */
function nameIn(image: unknown): string | undefined {
  const { docker, type } = objectOf(image) ?? {}
  const { name } = objectOf(docker) ?? {}
  return type === 'DOCKER' && typeof name === 'string' && name !== '' ? name : undefined
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The caller says what was expected.
    return undefined
  }
}
