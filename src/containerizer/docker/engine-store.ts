// The engine's requests for what lies on its disk: images, and what containers wrote beside them.
import { accepted, type Answer, parse, wordsOf } from './engine-reading.ts'
import type { Request } from './engine.ts'

export interface EngineImage {
  readonly Id: string
  /** Null, or `<none>:<none>`, when it has no name. */
  readonly RepoTags?: readonly string[] | null
  readonly Size: number
}

interface Asking {
  ask(request: Request): Promise<Answer>
}

/** Longest time for the engine to look at what a container wrote. */
const SIZE_MS = 30_000

/** All of them throw `EngineError`. */
export class EngineStore {
  readonly #engine: Asking

  constructor(engine: Asking) {
    this.#engine = engine
  }

  async images(): Promise<readonly EngineImage[]> {
    const doing = 'list its images'
    const answer = await this.#engine.ask({ doing, method: 'GET', path: '/images/json' })
    return parse<EngineImage[]>(accepted(doing, answer))
  }

  /** Undefined when it is not on this machine. */
  async image(reference: string): Promise<EngineImage | undefined> {
    const doing = `look up the image ${reference}`
    const path = `/images/${encodeURIComponent(reference)}/json`
    const answer = await this.#engine.ask({ doing, method: 'GET', path })
    return answer.status === 404 ? undefined : parse<EngineImage>(accepted(doing, answer))
  }

  /** The image of every container, running or not, whoever made it. */
  async imagesInUse(): Promise<readonly string[]> {
    const doing = 'list all containers'
    const query = { all: true }
    const answer = await this.#engine.ask({ doing, method: 'GET', path: '/containers/json', query })
    return parse<{ ImageID: string }[]>(accepted(doing, answer)).map(({ ImageID }) => ImageID)
  }

  /** Never by force, and nothing else with it; the engine's words when a container or an image still needs it. */
  async removeImage(name: string): Promise<{ readonly refused: string } | undefined> {
    const doing = `remove the image ${name}`
    const path = `/images/${encodeURIComponent(name)}`
    const query = { force: false, noprune: true }
    const answer = await this.#engine.ask({ doing, method: 'DELETE', path, query })
    if (answer.status === 404) return undefined
    if (answer.status === 409) return { refused: wordsOf(answer.text) }
    accepted(doing, answer)
    return undefined
  }

  /** What a container wrote into its own layer, in bytes; undefined when it is gone, or the engine does not tell. */
  async written(id: string): Promise<number | undefined> {
    const doing = `measure the container ${id}`
    const path = `/containers/${id}/json`
    const request: Request = { doing, method: 'GET', path, query: { size: true }, timeoutMs: SIZE_MS }
    const answer = await this.#engine.ask(request)
    return answer.status === 404 ? undefined : parse<{ SizeRw?: number }>(accepted(doing, answer)).SizeRw
  }
}
