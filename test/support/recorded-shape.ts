// Recorded answers of a real Mesos against ours: which fields they have, and a cluster like the recorded one.
import type { TestFramework, TestMaster } from './master-server.ts'

/** Fields that the recorded master had and ours has not, with the reason; also in docs/compatibility.md. */
const ABSENT: Readonly<Record<string, string>> = {
  git_sha: 'there is no build of ours',
  git_branch: 'there is no build of ours',
}

/** Fields that only ours has. */
const ADDED: Readonly<Record<string, string>> = {
  tepui_version: 'our own version beside that of the API',
  lending: 'what an agent lends, with the sum that leads there',
}

/** The paths of all fields in the order in which they are written; of lists the first entry counts. */
export function shapeOf(value: unknown, at = ''): string[] {
  if (Array.isArray(value)) return value.length === 0 ? [] : shapeOf(value[0], `${at}[]`)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key in ABSENT || key in ADDED) return []
    // Names that are not the protocol's but those of flags, resources, attributes.
    const free = /(^|\.)(flags|attributes|reserved_resources(_full)?)$/.test(`${at}.${key}`)
    // Which resource comes first in a list is not said anywhere.
    if (/^(scalar|ranges|set)$/.test(key)) return [`${at}.value`]
    return [`${at}.${key}`, ...(free ? [] : shapeOf(inner, `${at}.${key}`))]
  })
}

/** A cluster in the state in which the recording was made: one task runs, the rest of its agent is offered. */
export async function asRecorded(master: TestMaster): Promise<TestFramework> {
  const agent = await master.agent({
    capabilities: [{ type: 'MULTI_ROLE' }, { type: 'HIERARCHICAL_ROLE' }],
  })
  const framework = await master.framework({
    checkpoint: true,
    failover_timeout: 60,
    roles: ['*'],
    capabilities: [{ type: 'MULTI_ROLE' }, { type: 'PARTITION_AWARE' }],
  })
  const offer = await framework.offer()
  await framework.launch(offer, 'hello')
  await agent.next('RUN_TASK')
  for (const state of ['TASK_STARTING', 'TASK_RUNNING']) {
    await agent.update(framework, 'hello', state)
    await framework.acknowledge(await framework.status())
  }
  await framework.offers()
  return framework
}
