// What the containerizer keeps on its engine's disk, as a part of the collection: ended containers, and images.
import { statSync } from 'node:fs'
import { every } from '../../base/clock.ts'
import { reasonOf } from '../../base/errors.ts'
import type { Metrics } from '../../base/metrics.ts'
import type { Keeping, KeptContainer } from '../../containerizer/keeping.ts'
import { type DiskUse, watchedDisk } from '../../gc/disk.ts'
import { Images } from '../../gc/images.ts'
import type { Database } from '../../store/database.ts'
import { KeptImages } from '../../store/kept-images.ts'
import type { AgentFlags } from '../flags.ts'
import type { AgentDeps } from '../ground.ts'

export interface EngineSide {
  /** Undefined without an engine. */
  readonly images: Images | undefined
  /** The images lie on the disk of the work folder, and go in one order with what lies there. */
  readonly isSameDisk: boolean
  readonly disk: () => DiskUse | undefined
  readonly containers: readonly KeptContainer[]
  /** Of the containers, until the signal aborts. Never rejects. */
  measure(signal: AbortSignal): Promise<void>
  /** What somebody asked for: what ended, or was not used, for so long. Never rejects. */
  collect(olderThanMs: number): Promise<void>
}

interface Edges {
  readonly flags: AgentFlags
  readonly workDir: string
  readonly metrics: Metrics
  readonly keeping: Keeping | undefined
  readonly database: Database
}

/** Without the flag it is only remembered which images tasks used, so that the flag finds them. */
const OFF = { headroom: 0, watchMs: 0, excluded: [], includesUsed: false }

export function openEngineSide(edges: Edges, deps: AgentDeps): EngineSide {
  const { database, flags, keeping, metrics, workDir } = edges
  metrics.gauge('tepui/containers_kept', () => keeping?.containers.length ?? 0)
  if (keeping === undefined) return WITHOUT
  const { clock, log } = deps
  const config = flags.image_gc_config ?? OFF
  const disk = new EngineDisk(keeping, deps)
  const rules = { ...config, isOn: flags.image_gc_config !== undefined }
  const kept = new KeptImages(database)
  const images = new Images({ clock, log, metrics, store: keeping, kept, disk: () => disk.use }, rules)
  keeping.onImage = (use) => void images.heard(use)
  return {
    images,
    get isSameDisk() {
      return keeping.folder !== undefined && isSameDisk(keeping.folder, workDir)
    },
    disk: () => disk.use,
    get containers() {
      return keeping.containers
    },
    async measure(signal) {
      try {
        await keeping.measure(signal)
      } catch (error) {
        log.warn({ reason: reasonOf(error) }, 'ended containers could not be measured')
      }
    },
    async collect(olderThanMs) {
      await keeping.removeContainers(olderThanMs)
      await images.collect(olderThanMs)
    },
  }
}

/** Rounds until the signal aborts; `collect` is asked where the images go in one order with the rest. */
export async function watchImages(
  engine: EngineSide,
  flags: AgentFlags,
  {
    clock,
    collect,
    trouble,
  }: { clock: AgentDeps['clock']; collect: () => Promise<void>; trouble: (error: unknown) => void },
  signal: AbortSignal,
): Promise<void> {
  const config = flags.image_gc_config
  const { images } = engine
  if (images === undefined || config === undefined) return
  const rounds = { ms: config.watchMs, name: 'image disk watch', onFailure: trouble }
  await every(clock, rounds, () => (engine.isSameDisk ? collect() : images.collect()), signal)
}

const WITHOUT: EngineSide = {
  images: undefined,
  isSameDisk: false,
  disk: () => undefined,
  containers: [],
  measure: () => Promise.resolve(),
  collect: () => Promise.resolve(),
}

/** The disk with the folder of an engine, which may come later. */
class EngineDisk {
  readonly #keeping: Pick<Keeping, 'folder'>
  readonly #deps: AgentDeps
  #watched: { readonly folder: string; readonly use: () => DiskUse | undefined } | undefined

  constructor(keeping: Pick<Keeping, 'folder'>, deps: AgentDeps) {
    this.#keeping = keeping
    this.#deps = deps
  }

  get use(): DiskUse | undefined {
    const { folder } = this.#keeping
    if (folder === undefined) return undefined
    if (this.#watched?.folder !== folder) this.#watched = { folder, use: diskOf(folder, this.#deps) }
    return this.#watched.use()
  }
}

/** An engine on another machine, or in another mount namespace, has a folder that is not here. */
function diskOf(folder: string, { disk, log }: AgentDeps): () => DiskUse | undefined {
  if (disk !== undefined) return disk
  const trouble = (error: unknown): void =>
    log.warn({ path: folder, reason: reasonOf(error) }, 'the disk of the images cannot be asked')
  try {
    return watchedDisk(folder, trouble)
  } catch (error) {
    trouble(error)
    return () => undefined
  }
}

export function isSameDisk(a: string, b: string): boolean {
  const [first, second] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false })?.dev)
  return first !== undefined && first === second
}
