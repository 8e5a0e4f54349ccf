// What a containerizer keeps on disk besides what runs: ended containers for a while, and the images of its tasks.

export interface KeptContainer {
  /** As the agent knows it. */
  readonly containerId: string
  /** By which its engine knows it. */
  readonly engineId: string
  /** Of a supervised task; undefined when that is not known here. */
  readonly taskId: string | undefined
  /** Wall times, ms. */
  readonly endedAt: number
  readonly dueAt: number
  /** What it wrote into its own layer; undefined until it was measured. */
  readonly bytes: number | undefined
}

/** As it lies on the engine. */
export interface StoredImage {
  readonly id: string
  /** With tags, in the engine's short form. */
  readonly names: readonly string[]
  /** What it takes, with what it shares with others. */
  readonly bytes: number
}

/** A task named an image that is on the engine. */
export interface ImageUse {
  readonly reference: string
  /** It was not there before, or was asked for anew: the agent had it pulled for this task. */
  readonly pulled: boolean
}

/** What asks the engine throws `OperatingError` (ENGINE). */
export interface Keeping {
  readonly containers: readonly KeptContainer[]
  /** Measures those that were not measured yet, until the signal aborts. */
  measure(signal: AbortSignal): Promise<void>
  /** Removes those now that ended so long ago. */
  removeContainers(olderThanMs: number): Promise<void>
  list(): Promise<readonly StoredImage[]>
  find(reference: string): Promise<StoredImage | undefined>
  /** The ids of the images of all containers, whoever made them, with how many there are. */
  inUse(): Promise<ReadonlyMap<string, number>>
  /** Takes a name, or a nameless image by its id, away; the engine's words when it refuses. */
  remove(name: string): Promise<{ readonly refused: string } | undefined>
  /** The name in the form in which the engine lists it. */
  shortName(reference: string): string
  /** Where the engine keeps its images on this machine. */
  readonly folder: string | undefined
  /** Told of every use from now on. */
  onImage: (use: ImageUse) => void
}
