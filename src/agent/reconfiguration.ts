// How an agent may differ from its earlier life: `--reconfiguration_policy` (spec/mesos.md 5.7). Pure.
import { Resources } from '../resources/resources.ts'
import type { AgentInfo } from '../wire/agents.ts'
import { encodeMessage } from '../wire/json.ts'
import { Attribute } from '../wire/values.ts'

export const RECONFIGURATION_POLICIES = ['equal', 'additive'] as const
export type ReconfigurationPolicy = (typeof RECONFIGURATION_POLICIES)[number]

/** Facts of the machine that the agent adds by itself: a new kernel or engine makes no other agent of it. */
const OWN_ATTRIBUTES: ReadonlySet<string> = new Set([
  'os',
  'kernel',
  'cgroups',
  'docker',
  'cpu_model',
  'gpu_model',
])

/** What is different and may not be, each as a phrase with both values; nothing when it may go on. */
export function problemsWithChange(
  before: AgentInfo,
  now: AgentInfo,
  policy: ReconfigurationPolicy,
): readonly string[] {
  const problems: string[] = []
  if (before.hostname !== now.hostname)
    problems.push(`its hostname was '${before.hostname}' and is '${now.hostname}'`)
  // A port of 0 is not known yet: the system chooses one, as it did before.
  if ((now.port ?? 0) !== 0 && before.port !== now.port)
    problems.push(`its port was ${before.port} and is ${now.port}`)
  const resources = [Resources.from(before.resources), Resources.from(now.resources)] as const
  const fits = policy === 'equal' ? resources[0].equals(resources[1]) : resources[1].contains(resources[0])
  if (!fits) problems.push(`its resources were ${resources[0].toText()} and are ${resources[1].toText()}`)
  return [...problems, ...attributeProblems(before.attributes ?? [], now.attributes ?? [], policy)]
}

function attributeProblems(
  before: readonly Attribute[],
  now: readonly Attribute[],
  policy: ReconfigurationPolicy,
): string[] {
  const old = new Map(before.map((attribute) => [attribute.name, attribute]))
  const names = new Set(
    [...before, ...now].map(({ name }) => name).filter((name) => !OWN_ATTRIBUTES.has(name)),
  )
  const given = new Map(now.map((attribute) => [attribute.name, attribute]))
  return [...names].flatMap((name) => {
    const [was, is] = [old.get(name), given.get(name)]
    if (was === undefined) return policy === 'additive' ? [] : [`its attribute '${name}' is new`]
    if (is === undefined) return [`its attribute '${name}' is gone`]
    return encodeMessage(Attribute, was) === encodeMessage(Attribute, is)
      ? []
      : [`its attribute '${name}' has another value`]
  })
}
