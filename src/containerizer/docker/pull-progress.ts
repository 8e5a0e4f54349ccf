// How far a pull is, from the engine's lines, in one sentence.
import { counted } from '../../base/words.ts'
import { humanBytes } from '../../base/units.ts'
import type { PullLine } from './engine-answers.ts'

interface Layer {
  current: number
  total: number
  done: boolean
}

const LAYERS_MAX = 1000
const BEGUN = ['Pulling fs layer', 'Waiting', 'Downloading', 'Verifying Checksum', 'Extracting']
const DONE = ['Pull complete', 'Already exists', 'Download complete']

export class PullProgress {
  readonly #layers = new Map<string, Layer>()

  /** Takes a line in. True when bytes or a layer's state moved: a pull that only repeats itself has stalled. */
  take(line: PullLine): boolean {
    const { id, status = '', progressDetail } = line
    if (id === undefined) return true
    const known = this.#layers.get(id)
    if (known === undefined) {
      // Other lines with an id, such as "Pulling from", are about the whole image.
      if ([...BEGUN, ...DONE].includes(status) && this.#layers.size < LAYERS_MAX)
        this.#layers.set(id, {
          current: progressDetail?.current ?? 0,
          total: progressDetail?.total ?? 0,
          done: DONE.includes(status),
        })
      return true
    }
    if (DONE.includes(status)) {
      const moved = !known.done || status === 'Pull complete'
      known.done = true
      known.current = known.total
      return moved
    }
    if (status !== 'Downloading') return status !== 'Waiting'
    const current = progressDetail?.current ?? known.current
    const moved = current !== known.current
    known.current = current
    known.total = progressDetail?.total ?? known.total
    return moved
  }

  /** `2 of 5 layers, 41 % (12.3 MiB of 30 MiB)`; bytes are told once the engine has told them. */
  sentence(reference: string): string {
    const layers = [...this.#layers.values()]
    if (layers.length === 0) return `Pulling the image ${reference}`
    const done = layers.filter((layer) => layer.done).length
    const total = layers.reduce((sum, layer) => sum + layer.total, 0)
    const current = layers.reduce((sum, layer) => sum + Math.min(layer.current, layer.total), 0)
    const bytes =
      total > 0
        ? `, ${Math.floor((100 * current) / total)} % (${humanBytes(current)} of ${humanBytes(total)})`
        : ''
    return `Pulling the image ${reference}: ${done} of ${counted(layers.length, 'layer')}${bytes}`
  }
}
