// Why a container ended, from all that can be known about it.
import { expect, test } from 'vitest'
import { type EndFacts, causeOf, signalNumber } from '../../../../src/containerizer/docker/cause.ts'
import { KillReader } from '../../../../src/containerizer/docker/kernel-log.ts'

const ID = 'ab'.repeat(32)
const MB = 1024 ** 2

function facts(more: Partial<EndFacts>): EndFacts {
  return {
    exitCode: 137,
    dockerId: ID,
    oomKilled: false,
    kernelKill: undefined,
    tierWasHit: false,
    limitBytes: 64 * MB,
    peakBytes: undefined,
    sent: new Set(),
    viaEngine: new Set(),
    isRemoved: false,
    engineWasAway: false,
    isAdopted: false,
    ...more,
  }
}

/** Records as the kernel writes them, shortened. */
function killAt(limited: string): KillReader {
  const reader = new KillReader()
  reader.take('6,812,758985124,-;memory: usage 65536kB, limit 65536kB, failcnt 23\n')
  const group = `/tepui_x_lent/${ID}`
  reader.take(
    `6,815,758985140,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=${ID},mems_allowed=0,` +
      `${limited}task_memcg=${group},task=my task,pid=4711,uid=0\n`,
  )
  return reader
}

test('a status is an end of its own, also above 128 where no signal is', () => {
  expect(causeOf(facts({ exitCode: 0 }))).toEqual({ kind: 'exited', code: 0 })
  expect(causeOf(facts({ exitCode: 3 }))).toEqual({ kind: 'exited', code: 3 })
  expect(causeOf(facts({ exitCode: 255 }))).toEqual({ kind: 'exited', code: 255 })
})

test('a signal of ours needs no words, one of somebody else has them', () => {
  expect(causeOf(facts({ sent: new Set([9]) }))).toEqual({
    kind: 'signaled',
    signal: 'SIGKILL',
    detail: undefined,
  })
  expect(causeOf(facts({ exitCode: 143 }))).toMatchObject({
    signal: 'SIGTERM',
    detail: expect.stringContaining('SIGTERM (15)'),
  })
})

test('the kernel’s log says whose limit it was: its own, the tier’s or the machine’s', () => {
  const own = killAt(`oom_memcg=/tepui_x_lent/${ID},`).kills[0]
  expect(causeOf(facts({ oomKilled: true, kernelKill: own }))).toEqual({
    kind: 'memory',
    level: 'own',
    limitBytes: 64 * MB,
    peakBytes: 64 * MB,
    detail:
      'Memory limit exceeded: limit 64 MiB, used 64 MiB; the kernel killed its process 4711 (my task); exit status 137',
  })
  const parent = killAt('oom_memcg=/tepui_x_lent,').kills[0]
  expect(causeOf(facts({ oomKilled: true, kernelKill: parent }))).toMatchObject({
    level: 'parent',
    limitBytes: 64 * MB,
  })
  const host = killAt('global_oom,').kills[0]
  const exit = causeOf(facts({ kernelKill: host }))
  expect(exit).toMatchObject({ level: 'host', limitBytes: undefined })
  expect(exit).toMatchObject({ detail: expect.stringContaining('own limit (64 MiB) was not reached') })
})

test('without the log, the engine’s mark and the tier’s counter decide', () => {
  expect(causeOf(facts({ oomKilled: true }))).toMatchObject({ level: 'own', limitBytes: 64 * MB })
  expect(causeOf(facts({ oomKilled: true, tierWasHit: true }))).toMatchObject({ level: 'parent' })
  expect(causeOf(facts({ oomKilled: true, exitCode: 1 }))).toMatchObject({ kind: 'memory' })
})

test('our own kill is not blamed on memory', () => {
  expect(causeOf(facts({ oomKilled: true, sent: new Set([9]) })).kind).toBe('signaled')
})

test('stop signals are read as images write them', () => {
  expect(['SIGTERM', 'TERM', 'term', '15', 'SIGNONE'].map(signalNumber)).toEqual([15, 15, 15, 15, undefined])
})
