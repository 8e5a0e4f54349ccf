// What executors read from the environment that an agent gives them.
import { expect, test } from 'vitest'
import { readEnvironment } from '../../../src/sdk/executor-environment.ts'

const GIVEN = { MESOS_FRAMEWORK_ID: 'F1', MESOS_EXECUTOR_ID: 'E1', MESOS_AGENT_ENDPOINT: '10.0.0.1:5051' }

test('the least that an agent says is enough, with the defaults of Mesos', () => {
  expect(readEnvironment({ ...GIVEN })).toEqual({
    frameworkId: 'F1',
    executorId: 'E1',
    url: 'http://10.0.0.1:5051/api/v1/executor',
    agentId: undefined,
    sandbox: undefined,
    checkpoint: false,
    recoveryTimeoutMs: 15 * 60_000,
    backoffMaxMs: 2000,
    shutdownGraceMs: 5000,
    token: undefined,
  })
})

test('everything that an agent says is used', () => {
  const environment = readEnvironment({
    ...GIVEN,
    MESOS_SLAVE_PID: 'slave(1)@10.0.0.1:5051',
    MESOS_SLAVE_ID: 'S1',
    MESOS_DIRECTORY: '/work/x',
    MESOS_SANDBOX: '/mnt/mesos/sandbox',
    MESOS_CHECKPOINT: '1',
    MESOS_RECOVERY_TIMEOUT: '1.5mins',
    MESOS_SUBSCRIPTION_BACKOFF_MAX: '500ms',
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: '10secs',
  })
  expect(environment).toMatchObject({
    url: 'http://10.0.0.1:5051/slave(1)/api/v1/executor',
    agentId: 'S1',
    sandbox: '/mnt/mesos/sandbox',
    checkpoint: true,
    recoveryTimeoutMs: 90_000,
    backoffMaxMs: 500,
    shutdownGraceMs: 10_000,
  })
})

test('a 0 for checkpointing means no', () => {
  expect(readEnvironment({ ...GIVEN, MESOS_CHECKPOINT: '0' }).checkpoint).toBe(false)
})

test.each(Object.keys(GIVEN))('without %s the error names it and says who sets it', (name) => {
  const trouble = { code: 'USAGE', message: `${name} is not set in the environment` }
  expect(() => readEnvironment({ ...GIVEN, [name]: undefined })).toThrow(expect.objectContaining(trouble))
  expect(() => readEnvironment({ ...GIVEN, [name]: '' })).toThrow(expect.objectContaining(trouble))
})

test.each([
  ['MESOS_AGENT_ENDPOINT', 'nowhere'],
  ['MESOS_AGENT_ENDPOINT', 'a b:1'],
  ['MESOS_RECOVERY_TIMEOUT', '15 minutes'],
  ['MESOS_SUBSCRIPTION_BACKOFF_MAX', '-1secs'],
])('a %s of %j is refused by name', (name, value) => {
  expect(() => readEnvironment({ ...GIVEN, [name]: value })).toThrow(`${name} is '${value}', but has to be`)
})
