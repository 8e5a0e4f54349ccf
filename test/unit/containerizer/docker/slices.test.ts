// What systemd is told of the slices of borrowers and owners, and what comes of its refusals.
import { afterEach, expect, test } from 'vitest'
import { OperatingError } from '../../../../src/base/errors.ts'
import type { CommandResult } from '../../../../src/base/exec.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { openCgroups } from '../../../../src/containerizer/cgroups/open.ts'
import { Slices } from '../../../../src/containerizer/docker/slices.ts'
import { ManualClock } from '../../../support/clock.ts'
import { FakeCgroups } from '../../../support/fake-cgroups.ts'

const fakes: FakeCgroups[] = []

afterEach(() => {
  for (const fake of fakes.splice(0)) fake[Symbol.dispose]()
})

type Systemd = (words: readonly string[], signal: AbortSignal) => Promise<CommandResult>

const answer = (exitCode: number, stderr = ''): Promise<CommandResult> =>
  Promise.resolve({ exitCode, signal: undefined, stdout: '', stderr })

function open(systemd: Systemd) {
  const fake = new FakeCgroups('v2')
  fakes.push(fake)
  const clock = new ManualClock()
  const cgroups = openCgroups({ mount: fake.mount, files: fake.files, tag: '1', cpus: 4, clock })
  const asked: string[] = []
  const warnings: unknown[] = []
  const log = { ...silentLogger, warn: (fields: unknown) => void warnings.push(fields) }
  const systemctl: Systemd = (words, signal) => {
    asked.push(words.join(' '))
    return systemd(words, signal)
  }
  return { fake, clock, cgroups, asked, warnings, slices: new Slices({ cgroups, clock, log, systemctl }) }
}

test('systemd knows that borrowers are in the idle class, and what owners weigh', async () => {
  const { asked, slices, warnings } = open(() => answer(0))
  await slices.settle()
  expect(asked).toEqual([
    'set-property --runtime tepui_1_owners.slice CPUWeight=400',
    'set-property --runtime tepui_1_lent.slice CPUWeight=idle IOWeight=1',
  ])
  expect(warnings).toEqual([])
})

test('a systemd older than 252 takes the least weight', async () => {
  const { asked, slices, warnings } = open((words) =>
    words.includes('CPUWeight=idle')
      ? answer(1, 'Failed to parse CPUWeight=idle: Invalid argument')
      : answer(0),
  )
  await slices.settle()
  expect(asked.at(-1)).toBe('set-property --runtime tepui_1_lent.slice CPUWeight=1 IOWeight=1')
  expect(warnings).toEqual([])
})

test('where systemd cannot be asked, the agent says so and goes on', async () => {
  const { slices, warnings } = open(() =>
    Promise.reject(new OperatingError('LAUNCH', 'there is no systemctl')),
  )
  await slices.settle()
  expect(warnings).toMatchObject([
    { slice: 'tepui_1_owners.slice', trouble: 'there is no systemctl' },
    { slice: 'tepui_1_lent.slice', trouble: 'there is no systemctl' },
  ])
})

test('a systemd that hangs is waited for ten seconds each time', async () => {
  const { clock, slices, warnings } = open(
    (_, signal) =>
      new Promise((resolve) => {
        const killed = { exitCode: undefined, signal: 'SIGTERM', stdout: '', stderr: '' }
        signal.addEventListener('abort', () => resolve(killed))
      }),
  )
  const settled = slices.settle()
  await clock.advance(30_000)
  await settled
  expect(warnings).toMatchObject([{ trouble: 'no answer in 10 s' }, { trouble: 'no answer in 10 s' }])
})

test('of the slices only those without containers go, and nothing is left in the book of systemd', async () => {
  const { asked, fake, slices } = open(() => answer(0))
  fake.files.makeDirectory(`${fake.mount}/tepui_1_owners.slice`)
  fake.files.makeDirectory(`${fake.mount}/tepui_1_owners.slice/docker-abc.scope`)
  await slices.release()
  expect(asked).toEqual(['stop tepui_1_lent.slice', 'revert tepui_1_lent.slice'])
})
