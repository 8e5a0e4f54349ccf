// What fifty readers of the event stream cost the master at a hundred events a second.
import { type Figure, figure } from '../../src/base/figures.ts'
import { OperatingError } from '../../src/base/errors.ts'
import type { BenchContext } from '../bench.ts'
import { processFigures } from '../launch/daemons.ts'
import type { Crowd } from './crowd.ts'
import { startThread } from './threads.ts'

const READERS = 50
const PER_SECOND = 100
const SECONDS = 20

export async function measureEvents(context: BenchContext, crowd: Crowd): Promise<Figure[]> {
  const { pid, port } = crowd.master
  const cores = async (): Promise<number> => {
    const before = processFigures(pid).cpuSeconds
    const seconds = await changesFor(context, crowd)
    return (processFigures(pid).cpuSeconds - before) / seconds
  }
  await changesFor(context, crowd)
  const without = await cores()
  await using readers = await startThread('readers', port, READERS)
  await readers.take()
  const withReaders = await cores()
  const { events } = await readers.take()
  const expected = READERS * PER_SECOND * SECONDS
  if (events < expected * 0.9)
    throw new OperatingError('PROTOCOL', `The readers saw ${events} events of at least ${expected}`)
  const name = `event stream, ${READERS} readers, ${PER_SECOND} events/s`
  return [
    figure(name, (withReaders - without) * 100, '% of a core', '<= 10'),
    figure(`${name}: the master in all`, withReaders * 100, '% of a core'),
    figure(`${name}: the master without readers`, without * 100, '% of a core'),
  ]
}

/** @returns how long it took, seconds */
async function changesFor({ clock, signal }: BenchContext, crowd: Crowd): Promise<number> {
  const began = clock.monotonic()
  for (let made = 0; made < PER_SECOND * SECONDS; made++) {
    const due = began + (made * 1000) / PER_SECOND
    const ahead = due - clock.monotonic()
    if (ahead > 0) await clock.sleep(ahead, signal)
    await crowd.change()
  }
  return (clock.monotonic() - began) / 1000
}
