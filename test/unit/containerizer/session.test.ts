// Which processes belong to a session, wherever they went.
import { afterEach, expect, test } from 'vitest'
import { type ProcessGroup, startGroup } from '../../../src/base/exec.ts'
import { systemRandom } from '../../../src/base/random.ts'
import {
  killLeftSessions,
  killSession,
  SESSION_MARK,
  statusOfCode,
} from '../../../src/containerizer/session.ts'
import { codeOf } from '../../../src/cli/session.ts'

const started: ProcessGroup[] = []
/** All processes of the machine are looked at: others may run these tests too. */
const unique = (): string => `test-${systemRandom.uuid()}`
afterEach(() => {
  for (const one of started.splice(0)) one.kill()
})

async function marked(id: string): Promise<ProcessGroup> {
  const group = await startGroup('sleep', ['100'], { env: { PATH: '/usr/bin:/bin', [SESSION_MARK]: id } })
  started.push(group)
  return group
}

test('all with its mark end, and no others', async () => {
  const container = unique()
  const [mine, other] = [await marked(`${container}.one`), await marked(`${container}.two`)]
  killSession(undefined, `${container}.one`, undefined)
  expect((await mine.exited).signal).toBe('SIGKILL')
  killSession(undefined, `${container}.two`, () => [])
  killSession(undefined, `${container}.two`, () => [other.pid])
  expect((await other.exited).signal).toBe('SIGKILL')
})

test('what is left of sessions in known containers ends, that of others does not', async () => {
  const container = unique()
  const [mine, other] = [await marked(`${container}.one`), await marked(`${container}b.one`)]
  killLeftSessions(new Set([container]))
  expect((await mine.exited).signal).toBe('SIGKILL')
  expect(process.kill(other.pid, 0)).toBe(true)
})

test('a status is read as it was made, and a signal counts as in shells', () => {
  for (const code of [0, 1, 126, 127, 255]) expect(codeOf(statusOfCode(code))).toBe(code)
  expect(codeOf(9)).toBe(137)
})
