// A custom executor that outlives its agent: runs the shell script that each task's data is, says how it ended, and
// ends itself when the agent has acknowledged that of its last task.
import { type ChildProcess, spawn } from 'node:child_process'
import { ExecutorClient, type TaskInfo } from '../../../src/sdk/sdk.ts'

const running = new Map<string, ChildProcess>()
const killed = new Set<string>()
const untold = new Set<string>()

await using client = await ExecutorClient.subscribe(process.env)

async function run(task: TaskInfo): Promise<void> {
  const id = task.task_id.value
  untold.add(id)
  const script = Buffer.from(task.data ?? '', 'base64').toString()
  const child = spawn('/bin/sh', ['-c', script], { stdio: 'ignore' })
  running.set(id, child)
  const { promise: ended, resolve } = Promise.withResolvers<number>()
  child.once('exit', (code) => resolve(code ?? -1))
  const told = client.update({ task_id: task.task_id, state: 'TASK_RUNNING' })
  const code = await ended
  await told
  const state = killed.has(id) ? 'TASK_KILLED' : code === 0 ? 'TASK_FINISHED' : 'TASK_FAILED'
  await client.update({ task_id: task.task_id, state, message: `Command exited with status ${code}` })
  running.delete(id)
}

for await (const { type, launch, kill, acknowledged } of client.events) {
  if (launch !== undefined) void run(launch.task)
  if (kill !== undefined) {
    killed.add(kill.task_id.value)
    running.get(kill.task_id.value)?.kill('SIGTERM')
  }
  const told = acknowledged?.task_id.value ?? ''
  // The first acknowledgement is that of RUNNING, while the child lives.
  if (untold.has(told) && !running.has(told)) untold.delete(told)
  if (type === 'SHUTDOWN' || (acknowledged !== undefined && untold.size === 0)) break
}
for (const child of running.values()) child.kill('SIGTERM')
