// `POST /api/x1/kill` (of Tepui; Mesos has none): ends a task for an operator, as if its framework had called KILL.
import type { HttpRequest } from '../http/request.ts'
import { json, text, type Answer } from '../http/response.ts'
import type { Cluster } from './core/cluster.ts'
import type { History } from './history/history.ts'
import { readReason } from './operator/reason.ts'
import type { Shell } from './shell.ts'

const MAX_BODY_BYTES = 4096

export interface KillDeps {
  readonly cluster: Cluster
  readonly shell: Shell
  readonly history: History
}

/**
 * Takes `{"task_id": "…", "framework_id": "…", "grace_ms": 5000}`; the framework may be left out when only one has a
 * task of that id, the grace for that of the task. `?reason=` is for the log of events.
 * Answers 200 with both ids when the kill is on its way, 404 when no such task is running, 400 when it is not clear
 * which one is meant. The framework hears of the end as of any other.
 */
export async function killByOperator(
  { cluster, history, shell }: KillDeps,
  request: HttpRequest,
): Promise<Answer> {
  const body = await request.body(MAX_BODY_BYTES)
  if (!body.ok) return body.answer
  const reason = readReason(request)
  if ('refusal' in reason) return reason.refusal
  const asked = readAsked(body.bytes.toString('utf8'))
  if ('problem' in asked) return text(400, asked.problem)
  const owners = [...cluster.frameworks.values()].filter(
    ({ id, tasks }) => tasks.has(asked.taskId) && (asked.frameworkId ?? id) === id,
  )
  const [framework, other] = owners
  if (framework === undefined) {
    const where = asked.frameworkId === undefined ? '' : ` of framework '${asked.frameworkId}'`
    return text(404, `No task '${asked.taskId}'${where} is running`)
  }
  if (other !== undefined) {
    const ids = owners.map(({ id }) => id).join(', ')
    return text(400, `Frameworks ${ids} have a task '${asked.taskId}': say which with framework_id`)
  }
  const about = { frameworkId: framework.id, taskId: asked.taskId }
  const said = `An operator ends '${asked.taskId}'${reason.because}`
  history.operator({ ...about, text: said }, request.remote.address)
  const { graceMs } = asked
  const policy =
    graceMs === undefined ? undefined : { grace_period: { nanoseconds: Math.round(graceMs * 1e6) } }
  const kill = { task_id: { value: asked.taskId }, ...(policy !== undefined && { kill_policy: policy }) }
  const call = { type: 'KILL', kill } as const
  shell.dispatch({ type: 'framework-call', frameworkId: framework.id, call })
  return json({ task_id: asked.taskId, framework_id: framework.id })
}

interface Asked {
  readonly taskId: string
  readonly frameworkId: string | undefined
  readonly graceMs: number | undefined
}

const MOST_GRACE_MS = 86_400_000

function readAsked(body: string): Asked | { readonly problem: string } {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return { problem: 'Expecting a JSON object with task_id' }
  }
  if (typeof parsed !== 'object' || parsed === null)
    return { problem: 'Expecting a JSON object with task_id' }
  const asked = parsed as Record<string, unknown>
  const { task_id: taskId, framework_id: frameworkId, grace_ms: graceMs } = asked
  if (typeof taskId !== 'string' || taskId === '') return { problem: "Expecting 'task_id' to be a text" }
  if (frameworkId !== undefined && typeof frameworkId !== 'string')
    return { problem: "Expecting 'framework_id' to be a text" }
  const isGrace = typeof graceMs === 'number' && graceMs >= 0 && graceMs <= MOST_GRACE_MS
  if (graceMs !== undefined && !isGrace)
    return { problem: `Expecting 'grace_ms' to be a number from 0 to ${MOST_GRACE_MS}` }
  return { taskId, frameworkId, graceMs: isGrace ? graceMs : undefined }
}
