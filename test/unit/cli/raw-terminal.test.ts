// A terminal that is handed over tells its size whenever the other one has another.
import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { RawTerminal } from '../../../src/cli/raw-terminal.ts'
import type { WindowSize } from '../../../src/cli/session.ts'

const SMALL = { rows: 24, columns: 80 }
const LARGE = { rows: 44, columns: 155 }

/** Streams of which only the output is looked at. */
function sidesOf(size: WindowSize): { input: NodeJS.ReadStream; output: NodeJS.WriteStream } {
  const [input, output] = [Object.assign(new EventEmitter(), { isTTY: false }), new EventEmitter()]
  return { input, output: Object.assign(output, size) } as never
}

test('a size that changed while the command was started is told', async () => {
  const told: WindowSize[] = []
  using _ = await RawTerminal.open(sidesOf(LARGE), SMALL, (size) => told.push(size))
  expect(told).toEqual([LARGE])
})

test('the size that the other one has is not told again, each later one is, and none after the end', async () => {
  const told: WindowSize[] = []
  const sides = sidesOf(SMALL)
  const terminal = await RawTerminal.open(sides, SMALL, (size) => told.push(size))
  expect(told).toEqual([])
  Object.assign(sides.output, LARGE).emit('resize')
  expect(told).toEqual([LARGE])
  terminal[Symbol.dispose]()
  Object.assign(sides.output, SMALL).emit('resize')
  expect(told).toEqual([LARGE])
})
