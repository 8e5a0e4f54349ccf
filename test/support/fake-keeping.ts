// What a containerizer keeps beside containers, by what a test puts there: ended containers and images.
import type { Keeping, KeptContainer, StoredImage } from '../../src/containerizer/keeping.ts'

const BYTES = 1024 ** 3

export class FakeKeeping implements Keeping {
  containers: KeptContainer[] = []
  readonly images: StoredImage[] = []
  readonly inContainers = new Map<string, number>()
  readonly asked: number[] = []
  readonly folder: string
  /** Of an image. */
  onRemoved = (): void => undefined
  onImage: Keeping['onImage'] = () => undefined
  constructor(folder: string) {
    this.folder = folder
  }
  async measure(): Promise<void> {
    this.containers = this.containers.map((one) => ({ ...one, bytes: 512 }))
  }
  async removeContainers(olderThanMs: number): Promise<void> {
    this.asked.push(olderThanMs)
    this.containers = []
  }
  async list(): Promise<readonly StoredImage[]> {
    return this.images
  }
  async find(reference: string): Promise<StoredImage | undefined> {
    return this.images.find(({ names }) => names.includes(reference))
  }
  async inUse(): Promise<ReadonlyMap<string, number>> {
    return this.inContainers
  }
  async remove(name: string): Promise<undefined> {
    const at = this.images.findIndex(({ names }) => names.includes(name))
    this.images.splice(at, 1)
    this.onRemoved()
  }
  shortName(reference: string): string {
    return reference
  }
  /** As after a task that had it pulled. */
  pulled(name: string): void {
    this.images.push({ id: `sha256:${name}`, names: [name], bytes: BYTES })
    this.onImage({ reference: name, pulled: true })
  }
}
