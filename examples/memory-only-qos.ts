// A controller that looks at memory alone: --qos_controller=./examples/memory-only-qos.ts?reserve_mb=512
// Below the reserve the largest borrower ends. It is of the form of Mesos' modules: one look a second, kills only.
import type { Correction, Corrector } from '../src/qos/controller.ts'

const MB = 1024 * 1024

const memoryOnly = (options: Readonly<Record<string, string>>): Corrector => {
  const reserve = Number(options['reserve_mb'] ?? '512')
  if (!(reserve > 0)) throw new Error(`reserve_mb is '${options['reserve_mb']}': expected more than 0`)
  /** Whom it ended already, so that a slow end is not answered with another. */
  const ended = new Set<string>()
  return {
    name: 'memory-only',
    correct: ({ host, containers }): readonly Correction[] => {
      const value = host.memoryAvailableBytes / MB
      const ending = containers.some(({ containerId }) => ended.has(containerId))
      if (value >= reserve || ending) return []
      const held = containers.flatMap((container) => {
        const bytes = container.revocable ? container.statistics?.memoryBytes : undefined
        return bytes === undefined ? [] : [{ container, bytes }]
      })
      const largest = held.toSorted((a, b) => b.bytes - a.bytes)[0]
      if (largest === undefined) return []
      const { frameworkId, executorId, containerId } = largest.container
      ended.add(containerId)
      const figures = { signal: 'available memory', value, threshold: reserve, unit: 'MB', forMs: 0 }
      const message = `the machine has ${value.toFixed(0)} MB of memory left, under the reserve of ${reserve} MB`
      const cause = { owner: 'the machine', ...figures }
      return [{ kind: 'kill', frameworkId, executorId, containerId, cause, message }]
    },
  }
}
export default memoryOnly
