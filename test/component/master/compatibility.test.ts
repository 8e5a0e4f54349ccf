// docs/compatibility.md says of every flag, call and endpoint of the master what is true of the program.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MASTER_FLAGS, MASTER_FLAGS_NOT_YET } from '../../../src/master/flags.ts'
import { MasterCallType } from '../../../src/wire/master-call.ts'
import { SchedulerCallType } from '../../../src/wire/scheduler.ts'
import { operatorCall } from '../../support/operator-calls.ts'
import { TestMaster } from '../../support/master-server.ts'

const document = readFileSync(new URL('../../../docs/compatibility.md', import.meta.url), 'utf8')

/** The rows of a table: the name in its first column to the status in its second. */
function tableUnder(heading: string): Map<string, string> {
  const from = document.indexOf(`### ${heading}`, document.indexOf('## Master'))
  const rest = document.slice(from + 4)
  const section = rest.slice(0, rest.search(/^##/m) < 0 ? undefined : rest.search(/^##/m))
  return new Map(
    [...section.matchAll(/^\| `([^`]+)` \| ([^|]+) \|/gm)].map((row) => [row[1] ?? '', row[2] ?? '']),
  )
}

test('every flag has a row, and those that are not yet supported say so', () => {
  const rows = tableUnder('Flags')
  const notYet = [...rows].filter(([, status]) => status === 'not yet').map(([name]) => name)
  expect(notYet.toSorted()).toEqual([...MASTER_FLAGS_NOT_YET].toSorted())
  const others = [...rows.keys()].filter((name) => !notYet.includes(name))
  expect(others.toSorted()).toEqual(Object.keys(MASTER_FLAGS).toSorted())
})

test('every call of the scheduler API has a row', () => {
  const calls = Object.keys(SchedulerCallType.numbers)
  expect([...tableUnder('Scheduler API').keys()].toSorted()).toEqual(calls.toSorted())
})

test('endpoints that are not yet there answer 501, all others do not', async () => {
  await using master = await TestMaster.start()
  const rows = tableUnder('Endpoints')
  expect(rows.size).toBeGreaterThan(30)
  for (const [path, status] of rows) {
    const get = await master.get(path)
    const { status: answered } = get.status === 405 ? await master.post(`POST ${path}`, '') : get
    expect({ path, notYet: answered === 501 }).toEqual({ path, notYet: status === 'not yet' })
    expect({ path, found: answered !== 404 }).toEqual({ path, found: true })
  }
})

test('every call of the operator API has a row, and those that are not yet there answer 501', async () => {
  await using daemon = await TestMaster.start()
  const rows = tableUnder('Operator API')
  expect([...rows.keys()].toSorted()).toEqual(Object.keys(MasterCallType.numbers).toSorted())
  for (const [type, status] of rows) {
    if (type === 'UNKNOWN' || type === 'SUBSCRIBE') continue
    const answer = await daemon.post('POST /api/v1', operatorCall(type))
    // A call that is there refuses the ids of nobody with another status.
    const notYet = answer.status === 501
    expect({ type, notYet, body: notYet ? '' : answer.body }).toEqual({
      type,
      notYet: status === 'not yet',
      body: notYet ? '' : answer.body,
    })
  }
})
