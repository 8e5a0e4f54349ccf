// The instrument with which other tests prove that nothing is left: it must see each kind of thing that can be left.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmdirSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { engineRequest, leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'

beforeAll(requireEngine)

test('a container with a label of ours is left over until it is removed', async () => {
  const before = await leftovers()
  const config = { Image: TEST_IMAGE, Cmd: ['true'], Labels: { 'tepui.test': 'leftovers' } }
  const created = await engineRequest('POST', '/containers/create', config)
  const { Id: id } = JSON.parse(created.text) as { Id: string }

  expect(await leftovers(before)).toEqual([
    expect.stringMatching(`^container ${id.slice(0, 12)} .* is created$`),
  ])

  await engineRequest('DELETE', `/containers/${id}?force=1`)
  await expect.poll(() => leftovers(before)).toEqual([])
})

test('a container without a label of ours is not ours', async () => {
  const before = await leftovers()
  const created = await engineRequest('POST', '/containers/create', {
    Image: TEST_IMAGE,
    Labels: { mine: 'tepui.' },
  })
  const { Id: id } = JSON.parse(created.text) as { Id: string }

  await expect.poll(() => leftovers(before)).toEqual([])

  await engineRequest('DELETE', `/containers/${id}?force=1`)
})

test('a process with the environment of a task is left over until it ends', async () => {
  const before = await leftovers()
  const child = spawn('sleep', ['60'], { env: { MESOS_SANDBOX: '/nowhere' } })
  await once(child, 'spawn')

  await expect.poll(() => leftovers(before)).toEqual([`process ${child.pid} runs: sleep 60`])

  child.kill()
  await once(child, 'exit')
  await expect.poll(() => leftovers(before)).toEqual([])
})

test('a cgroup with our name is left over until it is removed', async () => {
  const before = await leftovers()
  // The controller's own tree in v1 and hybrid, the one tree in v2.
  const tree = existsSync('/sys/fs/cgroup/pids') ? '/sys/fs/cgroup/pids' : '/sys/fs/cgroup'
  const name = `${tree}/tepui-leftovers-${process.pid}`
  mkdirSync(name)

  expect(await leftovers(before)).toEqual([`cgroup ${name} exists`])

  rmdirSync(name)
  await expect.poll(() => leftovers(before)).toEqual([])
})
