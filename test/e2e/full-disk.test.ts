// A disk without room for one more byte: what a host container leaves there for a later life of the agent is whole.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseExitRecord } from '../../src/containerizer/host/exit.ts'

const SHIM = join(import.meta.dirname, '../../src/containerizer/host/shim.sh')

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-full-'))
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', folder])
  if (status !== 0) throw new Error(`A small disk cannot be mounted: ${stderr.toString()}`)
})

afterAll(() => {
  spawnSync('umount', [folder])
  rmSync(folder, { recursive: true })
})

test('a command that fills the disk of the agent leaves its exit status there', () => {
  const state = join(folder, 'state')
  mkdirSync(state)
  const command = `cat /dev/zero >${folder}/filler; echo more >${folder}/filler2 && exit 1; exit 7`
  spawnSync('sh', [SHIM, state, '/dev/null', '/dev/null', '', '--', 'sh', '-c', command])
  expect(parseExitRecord(readFileSync(join(state, 'exit'), 'utf8'))).toEqual({ kind: 'exited', code: 7 })
})
