// The tag of an agent: what its control groups and containers are known by, and no other agent's.
import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { agentTag } from '../../../src/agent/tag.ts'
import { cgroupTag } from '../../../src/containerizer/cgroups/open.ts'

test('agents with the same port and folder in containers of one machine have tags of their own, in each life', () => {
  const tags = ['f00d', 'cafe', undefined].map((name) => agentTag(5051, '/var/lib/tepui', name))
  expect(new Set(tags).size).toBe(3)
  expect(agentTag(5051, '/var/lib/tepui', 'f00d')).toBe(tags[0])
})

test('an agent on the machine itself keeps its tag when the machine is given another name', () => {
  const inContainer = readlinkSync('/proc/self/ns/uts') !== 'uts:[4026531838]'
  const expected = inContainer ? `${hostname()}:/work` : '/work'
  expect(agentTag(5051, '/work')).toBe(cgroupTag(5051, expected))
})
