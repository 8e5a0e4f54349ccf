// A controller that a test commands through a file: `squeeze 0.1`, `freeze`, `thaw`, `relax` or `evict 2000`.
import { existsSync, readFileSync } from 'node:fs'
import type { Action, ControllerFactory, EvictAction, PulseContainer } from '../../../src/qos/controller.ts'
import { evict, freeze, relax, squeeze, thaw } from '../lend-actions.ts'

const factory: ControllerFactory = ({ file = '' }) => {
  let done = ''
  return {
    name: 'acts-on-demand',
    decide({ pulse }): readonly Action[] {
      const order = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
      const borrowers = pulse.containers.filter(({ revocable }) => revocable)
      if (order === done || order === '' || borrowers.length === 0) return []
      done = order
      const [word = '', figure = '0'] = order.split(' ')
      return actionsFor(word, Number(figure), borrowers)
    },
  }
}
export default factory

function actionsFor(word: string, figure: number, borrowers: readonly PulseContainer[]): readonly Action[] {
  const ids = borrowers.map(({ containerId }) => containerId)
  switch (word) {
    case 'squeeze':
      return [squeeze(figure)]
    case 'relax':
      return [relax(0.1)]
    case 'freeze':
      return [freeze(...ids)]
    case 'thaw':
      return [thaw(...ids)]
    case 'evict':
      return borrowers.map((one) => evictionOf(one, figure))
    default:
      return []
  }
}

function evictionOf({ containerId, executorId, frameworkId }: PulseContainer, graceMs: number): EvictAction {
  const { decision, message } = evict(executorId, graceMs)
  const candidates = decision.candidates.map((one) => ({ ...one, id: containerId }))
  const renamed = { ...decision, borrowers: [containerId], chosen: [containerId], candidates }
  return { kind: 'evict', frameworkId, executorId, containerId, graceMs, message, decision: renamed }
}
