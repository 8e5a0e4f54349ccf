// `tepui doctor` on the machine of the tests, with its control groups and its engine, as root and as somebody else.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tepui, Up } from '../support/cli.ts'
import { leftovers, requireEngine } from '../support/engine.ts'

interface Check {
  readonly check: string
  readonly verdict: string
  readonly detail: string
  readonly fix?: string
}

let folder: string

beforeAll(async () => {
  await requireEngine()
  folder = mkdtempSync(join(tmpdir(), 'tepui-doctor-'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const checksOf = (stdout: string): ReadonlyMap<string, Check> =>
  new Map((JSON.parse(stdout) as { checks: Check[] }).checks.map((one) => [one.check, one]))

test('finds control groups, engine and master, and leaves no group behind', async () => {
  const before = await leftovers()
  await using up = await Up.start(['--agents', '1'])
  const { code, stdout } = await up.tepui('doctor', '--for', 'agent', '--work-dir', folder, '-o', 'json')
  const checks = checksOf(stdout)
  expect(checks.get('docker engine')).toMatchObject({ verdict: 'PASS' })
  expect(checks.get('cgroups')?.detail).toMatch(/^layout (v1|hybrid|v2)$/)
  expect(checks.get('cgroups: memory limit')).toMatchObject({ verdict: 'PASS' })
  expect(checks.get('master')).toMatchObject({ verdict: 'PASS' })
  expect(checks.get('master')?.detail).toMatch(/the clocks agree$/)
  const failed = [...checks.values()].filter(({ verdict }) => verdict === 'FAIL')
  expect(code).toBe(failed.length === 0 ? 0 : 1)
  await up[Symbol.asyncDispose]()
  await expect.poll(() => leftovers(before)).toEqual([])
})

test('says what somebody without root, without an engine and without a folder lacks, and how to get it', () => {
  const program = join(import.meta.dirname, '..', '..', 'src', 'cli', 'tepui.ts')
  const socket = join(folder, 'no.sock')
  const words = [program, 'doctor', '--work-dir', '/proc/tepui', '--docker-socket', socket, '-o', 'json']
  const { status, stdout } = spawnSync(process.execPath, words, {
    encoding: 'utf8',
    uid: 65_534,
    gid: 65_534,
  })
  const checks = checksOf(stdout)
  expect(status).toBe(1)
  expect(checks.get('user')).toMatchObject({ verdict: 'WARN' })
  expect(checks.get('docker engine')?.detail).toContain(socket)
  expect(checks.get('work folder')).toMatchObject({ verdict: 'FAIL' })
  const silent = [...checks.values()].filter(({ fix, verdict }) => verdict !== 'PASS' && fix === undefined)
  expect(silent).toEqual([])
})

test('says so where control groups are mounted to be read only, as in a container', () => {
  const program = join(import.meta.dirname, '..', '..', 'src', 'cli', 'tepui.ts')
  const words = `doctor --for agent --work-dir ${folder} -o json`
  const readOnly = `for m in $(awk '$3 ~ /^cgroup/ { print $2 }' /proc/mounts); do mount -o remount,bind,ro $m; done`
  const line = `${readOnly}; exec ${process.execPath} ${program} ${words}`
  const { stderr, stdout } = spawnSync('unshare', ['--mount', 'sh', '-c', line], { encoding: 'utf8' })
  expect(stderr).toBe('')
  const groups = checksOf(stdout).get('cgroups')
  expect(groups).toMatchObject({ verdict: 'WARN' })
  expect(groups?.detail).toMatch(/^nothing can be limited: .*EROFS/)
})

test('fails for a master whose clock is minutes away, and for one that does not answer', async () => {
  const early = 'Thu, 01 Jan 2026 00:00:00 GMT'
  const server: Server = createServer((_, response) => response.setHeader('Date', early).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const words = ['doctor', '--for', 'master', '--work-dir', folder]
  const late = await tepui([...words, '-m', `127.0.0.1:${port}`])
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  expect(late.code).toBe(1)
  expect(late.stdout).toMatch(
    /FAIL +master +answers at .*; the clock here is .* ahead of its clock\n +fix: \S/,
  )
  const gone = await tepui([...words, '-m', `127.0.0.1:${port}`])
  expect(gone.code).toBe(1)
  expect(gone.stdout).toMatch(/FAIL +master +none answers at /)
})
