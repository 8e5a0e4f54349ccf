// The size of a terminal comes through, however often setting it fails, and the newest wins.
import { expect, test } from 'vitest'
import { NewestSize } from '../../../src/containerizer/newest-size.ts'
import type { WindowSize } from '../../../src/containerizer/session.ts'
import { ManualClock } from '../../support/clock.ts'

const SMALL = { rows: 24, columns: 80 }
const LARGE = { rows: 44, columns: 155 }

class Terminal {
  readonly clock = new ManualClock()
  readonly asked: WindowSize[] = []
  readonly size = new NewestSize({
    clock: this.clock,
    set: (size) => this.#set(size),
    isOver: () => this.isOver,
  })
  now: WindowSize | undefined
  refuses = false
  isOver = false
  /** Of the answer that is on its way. */
  answer: (() => void) | undefined
  isSlow = false

  async #set(size: WindowSize): Promise<boolean> {
    this.asked.push(size)
    if (this.isSlow) await new Promise<void>((resolve) => (this.answer = resolve))
    if (this.refuses) return false
    this.now = size
    return true
  }
}

test('a size is set at once, and asked for once', async () => {
  const terminal = new Terminal()
  terminal.size.want(SMALL)
  await terminal.clock.advance(100_000)
  expect([terminal.now, terminal.asked]).toEqual([SMALL, [SMALL]])
  terminal.size.want(LARGE)
  await terminal.clock.settle()
  expect(terminal.now).toEqual(LARGE)
})

test('however long it is refused, it is set a second after that is over', async () => {
  const terminal = new Terminal()
  terminal.refuses = true
  terminal.size.want(SMALL)
  await terminal.clock.advance(3_600_000)
  expect(terminal.asked.length).toBeLessThan(4 * 3600 + 10)
  terminal.refuses = false
  await terminal.clock.advance(1000)
  expect(terminal.now).toEqual(SMALL)
})

test('one that was asked for meanwhile comes last, and the one before is not tried again', async () => {
  const terminal = new Terminal()
  terminal.isSlow = true
  terminal.refuses = true
  terminal.size.want(SMALL)
  await terminal.clock.settle()
  terminal.size.want(LARGE)
  await terminal.clock.settle()
  expect(terminal.asked).toEqual([SMALL])
  terminal.refuses = false
  terminal.isSlow = false
  terminal.answer?.()
  await terminal.clock.advance(1000)
  expect([terminal.now, terminal.asked]).toEqual([LARGE, [SMALL, LARGE]])
})

test('nothing is tried after the end', async () => {
  const terminal = new Terminal()
  terminal.refuses = true
  terminal.size.want(SMALL)
  await terminal.clock.advance(100)
  terminal.isOver = true
  terminal.refuses = false
  await terminal.clock.advance(3_600_000)
  terminal.size.want(LARGE)
  await terminal.clock.advance(3_600_000)
  expect([terminal.now, terminal.clock.pending]).toEqual([undefined, 0])
})
