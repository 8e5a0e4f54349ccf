// Users of the machine: its own from their file, all others from whoever keeps them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { findAccount } from '../../../src/base/account.ts'

const folder = mkdtempSync(join(tmpdir(), 'account-'))
const file = join(folder, 'passwd')
writeFileSync(
  file,
  ['roots:x:7:8::/:/bin/sh', 'web:x:1001:1002:The web:/srv:/bin/sh', 'broken:x:abc::', ''].join('\n'),
)
afterAll(() => rmSync(folder, { recursive: true }))

test('a user of the machine is found in its file', async () => {
  expect(await findAccount('web', file)).toEqual({ name: 'web', uid: 1001, gid: 1002 })
})

test('a name is matched whole, and who is not in the file is asked for elsewhere', async () => {
  expect(await findAccount('root', file)).toEqual({ name: 'root', uid: 0, gid: 0 })
})

test('a machine without such a file has users all the same', async () => {
  expect(await findAccount('root', join(folder, 'missing'))).toEqual({ name: 'root', uid: 0, gid: 0 })
})

test('nobody is found for a name that nobody has, or whose line makes no sense', async () => {
  expect(await findAccount('nobody-has-this-name', file)).toBeUndefined()
  expect(await findAccount('broken', file)).toBeUndefined()
})

test.each(['', '-rf', 'a b', 'a:b', 'a\nb', '../x'])("'%s' is no name of a user", async (user) => {
  await expect(findAccount(user, file)).rejects.toThrow('is not the name of a user')
})
