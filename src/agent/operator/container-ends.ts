// Who waits for the end of a container (WAIT_CONTAINER), told when it has come.
import type { ContainerNews } from '../supervisor.ts'

export class ContainerEnds {
  readonly #waiting = new Map<string, Set<() => void>>()

  /** Calls back once, after the core has heard of the end; disposing the result forgets the callback. */
  wait(containerId: string, then: () => void): Disposable {
    const others = this.#waiting.get(containerId) ?? new Set()
    this.#waiting.set(containerId, others.add(then))
    return {
      [Symbol.dispose]: () => {
        others.delete(then)
        if (others.size === 0) this.#waiting.delete(containerId)
      },
    }
  }

  hear({ type, containerId }: ContainerNews): void {
    if (type !== 'exited' && type !== 'launch-failed') return
    const waiting = [...(this.#waiting.get(containerId) ?? [])]
    this.#waiting.delete(containerId)
    for (const then of waiting) then()
  }
}
