// What this containerizer keeps on the engine's disk, for whoever collects it: its ended containers and the images.
import type { ImageUse, Keeping, KeptContainer, StoredImage } from '../keeping.ts'
import type { EngineImage, EngineStore } from './engine-store.ts'
import { shortReference } from './reference.ts'
import type { Removals } from './removals.ts'

const NAMELESS = '<none>:<none>'

export class DockerKeeping implements Keeping {
  readonly folder: string | undefined
  onImage: (use: ImageUse) => void = () => undefined
  readonly #store: EngineStore
  readonly #removals: Removals

  constructor(store: EngineStore, removals: Removals, folder: string | undefined) {
    this.#store = store
    this.#removals = removals
    this.folder = folder
  }

  get containers(): readonly KeptContainer[] {
    return this.#removals.kept
  }

  async measure(signal: AbortSignal): Promise<void> {
    for (const { bytes, engineId } of this.#removals.kept) {
      if (signal.aborted) return
      if (bytes === undefined) this.#removals.measured(engineId, await this.#store.written(engineId))
    }
  }

  removeContainers(olderThanMs: number): Promise<void> {
    return this.#removals.removeOlder(olderThanMs)
  }

  async list(): Promise<readonly StoredImage[]> {
    return (await this.#store.images()).map(storedOf)
  }

  async find(reference: string): Promise<StoredImage | undefined> {
    const found = await this.#store.image(reference)
    return found === undefined ? undefined : storedOf(found)
  }

  async inUse(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    for (const id of await this.#store.imagesInUse()) counts.set(id, (counts.get(id) ?? 0) + 1)
    return counts
  }

  remove(name: string): Promise<{ readonly refused: string } | undefined> {
    return this.#store.removeImage(name)
  }

  shortName(reference: string): string {
    return shortReference(reference)
  }
}

function storedOf({ Id, RepoTags, Size }: EngineImage): StoredImage {
  return { id: Id, names: (RepoTags ?? []).filter((name) => name !== NAMELESS), bytes: Size }
}
