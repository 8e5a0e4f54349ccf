// The last bytes of what somebody prints.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Tail } from '../../../src/base/tail.ts'

test('keeps the last bytes, however they came', () => {
  const ascii = fc.string({ unit: fc.constantFrom('a', 'b', '\n') })
  fc.assert(
    fc.property(fc.array(ascii), fc.integer({ min: 1, max: 20 }), (pieces, max) => {
      const tail = new Tail(max)
      for (const piece of pieces) tail.take(Buffer.from(piece))
      expect(tail.text).toBe(pieces.join('').slice(-max))
    }),
  )
})
