// What an agent says of itself may change while it is registered: only a registration tells it.
import { describe, expect, test } from 'vitest'
import { CoreUnderTest, framework, taskInfo } from '../../../support/agent-core.ts'

const changed = (agent: CoreUnderTest): string[] =>
  agent.step({ type: 'info-changed' }).map(({ type }) => type)

function running(checkpoint: boolean): CoreUnderTest {
  const agent = CoreUnderTest.registered()
  agent.run(taskInfo('t', { command: { value: 'sleep 100' } }), {
    framework: { ...framework('F1'), checkpoint },
  })
  return agent
}

describe('an agent that has something new to say of itself', () => {
  test('opens its link anew, and all tasks that are kept stay', () => {
    expect(changed(running(true))).toEqual(['reconnect'])
  })

  test('waits for the next registration while tasks run that would not outlive the link', () => {
    expect(changed(running(false))).toEqual(['log'])
  })

  test('and is just registering, or cannot, says it with that', () => {
    const agent = CoreUnderTest.registered()
    agent.step({ type: 'link-lost' })
    expect(changed(agent)).toEqual([])
  })
})
