// A random walk over the whole core: invariants after every step, and in the end one end per task and nothing left.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { executorInfo, taskInfo } from '../../../support/agent-core.ts'
import { STEPS, Walk } from '../../../support/agent-walk.ts'

test('whatever happens, every state is consistent and in the end nothing waits and nothing is left', () => {
  const step = fc.tuple(fc.nat(STEPS.length - 1), fc.nat(63), fc.nat(63))
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 150 }), (steps) => {
      const walk = new Walk()
      for (const [kind, x, y] of steps) {
        STEPS[kind]?.(walk, x, y)
        walk.after()
      }
      walk.drain()
      const { state } = walk.agent.core
      expect([...state.containers.keys()]).toEqual([])
      expect([...state.streams.keys()]).toEqual([])
      expect([...state.frameworks.keys()]).toEqual([])
    }),
    { numRuns: 300 },
  )
})

test('whatever happens to tasks of their own ids, each is told exactly one end', () => {
  // Without teardown: a framework that is gone hears of no end.
  const kinds = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20]
  const step = fc.tuple(fc.constantFrom(...kinds), fc.nat(63), fc.nat(63))
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 120 }), (steps) => {
      const walk = new Walk()
      const launched = new Set<string>()
      let fresh = 0
      for (const [kind, x, y] of steps) {
        if (kind <= 1) {
          const id = `n${fresh++}`
          const info = taskInfo(id, kind === 0 ? { command: { value: 'x' } } : {})
          if (walk.agent.core.state.link.kind === 'registered') launched.add(`F1/${id}`)
          walk.agent.run(
            info,
            kind === 0 ? {} : { executor: executorInfo('E1'), launchExecutor: y % 2 === 0 },
          )
        } else STEPS[kind]?.(walk, x, y)
        walk.after()
      }
      walk.drain()
      const ends = walk.acknowledged.filter((id) => launched.has(id))
      expect(ends.toSorted()).toEqual([...launched].toSorted())
    }),
    { numRuns: 300 },
  )
})
