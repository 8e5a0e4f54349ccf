// A controller that takes back every borrower as soon as a file exists: `corrects-on-demand.ts?file=/path`.
import { existsSync } from 'node:fs'
import type { ControllerFactory, Correction } from '../../../src/qos/controller.ts'

const factory: ControllerFactory = ({ file = '' }) => ({
  name: 'corrects-on-demand',
  correct(usage): Correction[] {
    if (!existsSync(file)) return []
    return usage.containers
      .filter(({ revocable }) => revocable)
      .map(({ frameworkId, executorId, containerId }) => ({
        kind: 'kill',
        frameworkId,
        executorId,
        containerId,
        cause: { owner: 'web', signal: 'a file', value: 1, threshold: 0, unit: 'files', forMs: 1000 },
        message: 'Taken back for web: 1 file, more than 0, for 1 s',
      }))
  },
})
export default factory
