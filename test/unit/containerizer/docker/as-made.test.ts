// What a container says of itself without a request has the names and forms of the engine's own answer.
import { expect, test } from 'vitest'
import { describeAsMade } from '../../../../src/containerizer/docker/as-made.ts'
import type { CreateBody } from '../../../../src/containerizer/docker/body.ts'

const body: CreateBody = {
  Image: 'busybox',
  Entrypoint: ['/bin/sh'],
  Cmd: ['-c', 'true'],
  Env: ['A=1'],
  Tty: false,
  AttachStdout: true,
  AttachStderr: true,
  Labels: { 'tepui.task': 't' },
  HostConfig: {
    NetworkMode: 'host',
    Memory: 32e6,
    Mounts: [{ Type: 'bind', Source: '/s', Target: '/mnt/mesos/sandbox', ReadOnly: true }],
  },
}

test('it has the id, the state, the command, the configuration and the mounts', () => {
  const made = { id: 'ab', name: 'mesos-1', body, createdAt: 0 }
  expect(describeAsMade(made, 77, 1000)).toMatchObject({
    Id: 'ab',
    Name: '/mesos-1',
    Created: '1970-01-01T00:00:00.000Z',
    Path: '/bin/sh',
    Args: ['-c', 'true'],
    State: { Status: 'running', Running: true, Pid: 77, StartedAt: '1970-01-01T00:00:01.000Z' },
    Config: { Image: 'busybox', Cmd: ['-c', 'true'], Env: ['A=1'], Labels: { 'tepui.task': 't' } },
    HostConfig: { NetworkMode: 'host', Memory: 32e6 },
    Mounts: [{ Type: 'bind', Source: '/s', Destination: '/mnt/mesos/sandbox', RW: false }],
    NetworkSettings: { IPAddress: '', Networks: { host: { IPAddress: '' } } },
  })
})

test("a command that is the image's own is left out rather than guessed", () => {
  const { Entrypoint: _, Cmd: __, ...rest } = body
  const described = describeAsMade({ id: 'ab', name: 'm', body: rest, createdAt: 0 }, 1, 0)
  expect(described).not.toHaveProperty('Path')
  expect(described).not.toHaveProperty('Args')
})
