// Lists that are kept as bytes are those that would be written anew, whatever came, went and changed in between.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeptRuns } from '../../../src/http/pages/kept-runs.ts'
import { pageText } from '../../../src/http/pages/page-text.ts'

interface Thing {
  readonly name: string
  state: number
}

/** What is done to a list of things: one comes, one goes, one changes. */
const deeds = fc.array(
  fc.record({ kind: fc.constantFrom('add', 'remove', 'change', 'look'), at: fc.nat(1000), state: fc.nat(3) }),
  { maxLength: 60 },
)

test('a list is at every look what writing it anew gives', async () => {
  await fc.assert(
    fc.asyncProperty(deeds, fc.integer({ min: 1, max: 5 }), async (steps, size) => {
      const kept = new KeptRuns<Thing>(size)
      const things = new Map<string, Thing>()
      for (const [number, { at, kind, state }] of steps.entries()) {
        const keys = [...things.keys()]
        const key = keys[at % Math.max(1, keys.length)] ?? ''
        const thing = things.get(key)
        if (kind === 'add') things.set(`t${number}`, { name: `"${number}"`, state })
        else if (kind === 'remove') things.delete(key)
        else if (kind === 'change' && thing !== undefined) thing.state = state
        const list = kept.list(things.values(), { write: JSON.stringify, marks: (one) => [one.state] })
        if (kind === 'look')
          expect(await pageText({ before: 1, list, after: 2 })).toBe(
            JSON.stringify({ before: 1, list: [...things.values()], after: 2 }),
          )
      }
    }),
  )
})

test('what did not change is not written again, nor what stands in another run than what changed', async () => {
  const kept = new KeptRuns<Thing>(10)
  const things = Array.from({ length: 100 }, (_, number): Thing => ({ name: `t${number}`, state: 0 }))
  let written: string[] = []
  const look = async (): Promise<number> => {
    written = []
    const write = (thing: Thing): string => {
      written.push(thing.name)
      return JSON.stringify(thing)
    }
    await pageText({ list: kept.list(things, { write, marks: ({ state }) => [state] }) })
    return written.length
  }
  expect(await look()).toBe(100)
  expect(await look()).toBe(0)
  const [changed] = things.slice(55, 56)
  if (changed !== undefined) changed.state = 1
  expect(await look()).toBe(10)
  expect(written).toContain('t55')
  // One that goes shifts none of those behind it into other runs.
  things.splice(25, 1)
  expect(await look()).toBe(9)
  things.push({ name: 'new', state: 0 })
  expect(await look()).toBe(1)
})
