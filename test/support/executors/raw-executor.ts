// A custom executor written with nothing but node:http and Buffer; the data of a task says what it does. It runs as a
// program of its own, launched by an agent, and shares no line with src/.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, request } from 'node:http'

const env = process.env
const [host, port] = (env['MESOS_AGENT_ENDPOINT'] ?? '').split(':')
const ids = {
  executor_id: { value: env['MESOS_EXECUTOR_ID'] },
  framework_id: { value: env['MESOS_FRAMEWORK_ID'] },
}
/** How it behaves beyond what tasks ask for: `deaf` to SHUTDOWN, `silent` (no SUBSCRIBE), `early` (exits at once). */
const manner = env['MANNER']

interface Task {
  readonly task_id: { readonly value: string }
  readonly data?: string
}
interface Update {
  readonly status: { readonly task_id: Task['task_id']; readonly uuid: string }
}

/** What no ACKNOWLEDGED came for yet. */
const tasks = new Map<string, Task>()
const updates = new Map<string, Update>()
let stream: IncomingMessage | undefined

function call(body: object, onAnswer: (answer: IncomingMessage) => void): void {
  const options = {
    host,
    port,
    path: '/api/v1/executor',
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    agent: false,
  } as const
  const asked = request(options, onAnswer)
  asked.on('error', (error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(9)
  })
  asked.end(JSON.stringify({ ...ids, ...body }))
}

function subscribe(): void {
  const subscription = {
    unacknowledged_tasks: [...tasks.values()],
    unacknowledged_updates: [...updates.values()],
  }
  call({ type: 'SUBSCRIBE', subscribe: subscription }, (answer) => {
    stream = answer
    if (answer.statusCode !== 200) process.exit(8)
    let rest = Buffer.alloc(0)
    answer.on('data', (part: Buffer) => {
      rest = Buffer.concat([rest, part])
      for (;;) {
        const newline = rest.indexOf(10)
        const end = newline + 1 + Number(rest.subarray(0, Math.max(newline, 0)).toString('latin1'))
        if (newline < 0 || rest.length < end) return
        const event = JSON.parse(rest.subarray(newline + 1, end).toString()) as Event
        rest = rest.subarray(end)
        onEvent(event)
      }
    })
    answer.on('error', (error) => process.stderr.write(`${error.message}\n`))
  })
}

function post(body: object): void {
  call(body, (answer) => {
    process.stdout.write(`${answer.statusCode}\n`)
    answer.resume()
  })
}

function update(task_id: Task['task_id'], state: string, more: object = {}): void {
  // Sixteen bytes that nobody else makes.
  const uuid = createHash('md5')
    .update(`${env['MESOS_DIRECTORY']} ${task_id.value} ${state}`)
    .digest('base64')
  const status = { task_id, ...ids, framework_id: undefined, state, source: 'SOURCE_EXECUTOR', uuid, ...more }
  updates.set(uuid, { status })
  post({ type: 'UPDATE', update: { status } })
}

interface Event {
  readonly type: string
  readonly launch?: { readonly task: Task }
  readonly kill?: Task
  readonly message?: { readonly data: string }
  readonly acknowledged?: Update['status']
}

function onEvent(event: Event): void {
  process.stdout.write(`event ${event.type}\n`)
  if (event.launch !== undefined) launch(event.launch.task)
  if (event.kill !== undefined) update(event.kill.task_id, 'TASK_KILLED', { message: 'as asked' })
  if (event.message !== undefined) echo(event.message.data)
  if (event.acknowledged !== undefined) acknowledged(event.acknowledged)
  if (event.type === 'SHUTDOWN' && manner !== 'deaf') process.exit(0)
}

function acknowledged({ task_id, uuid }: Update['status']): void {
  tasks.delete(task_id.value)
  updates.delete(uuid)
}

function echo(data: string): void {
  const text = Buffer.from(data, 'base64').toString()
  post({ type: 'MESSAGE', message: { data: Buffer.from(`echo ${text}`).toString('base64') } })
}

/** `run COMMAND`, `exit N`, `die`, `again` (loses its stream after RUNNING and subscribes again); else it stays. */
function launch(task: Task): void {
  tasks.set(task.task_id.value, task)
  const [verb, ...words] = Buffer.from(task.data ?? '', 'base64')
    .toString()
    .split(' ')
  update(task.task_id, 'TASK_RUNNING')
  if (verb === 'run') {
    const { status } = spawnSync('sh', ['-c', words.join(' ')], { stdio: 'inherit' })
    update(task.task_id, status === 0 ? 'TASK_FINISHED' : 'TASK_FAILED', { message: `Ended with ${status}` })
  }
  if (verb === 'exit') process.exit(Number(words[0]))
  if (verb === 'die') process.kill(process.pid, 'SIGKILL')
  if (verb === 'again') {
    stream?.destroy()
    update(task.task_id, 'TASK_FINISHED')
    subscribe()
  }
}

if (manner === 'early') process.exit(7)
if (manner === 'silent') createServer().listen(0)
else subscribe()
