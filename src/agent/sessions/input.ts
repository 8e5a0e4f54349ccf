// ATTACH_CONTAINER_INPUT: a request of records, of which the first names the session and the others are its input.
import { passCall, type Gate } from '../../http/gate.ts'
import { takeRecords } from '../../http/records.ts'
import type { HttpRequest } from '../../http/request.ts'
import { empty, text, type Answer } from '../../http/response.ts'
import { AgentCall, type AgentCallAttachContainerInput } from '../../wire/agent-call.ts'
import type { ProcessIO } from '../../wire/process-io.ts'
import { pathOf, type Sessions } from './sessions.ts'
import type { RunningSession } from './running.ts'

const LIMITS = { headerDigits: 20, recordBytes: 1024 * 1024 }
const MOST_CELLS = 10_000

const GATE: Gate<AgentCall> = {
  message: AgentCall,
  label: 'agent::Call',
  validate: ({ attach_container_input: input, type }) => {
    if (type !== 'ATTACH_CONTAINER_INPUT') return "Expecting 'type' to be ATTACH_CONTAINER_INPUT in records"
    if (input === undefined) return "Expecting 'attach_container_input' to be present"
    return problemWith(input)
  },
  answered: () => false,
}

function problemWith({
  container_id: id,
  process_io: io,
  type,
}: AgentCallAttachContainerInput): string | undefined {
  const at = 'attach_container_input'
  switch (type) {
    case undefined:
      return `Expecting '${at}.type' to be present`
    case 'UNKNOWN':
      return `'${at}.type' is unknown`
    case 'CONTAINER_ID':
      return id === undefined ? `Expecting '${at}.container_id' to be present` : undefined
    case 'PROCESS_IO':
      return io === undefined ? `Expecting '${at}.process_io' to be present` : problemWithIO(io)
  }
}

function problemWithIO({ control, data, type }: ProcessIO): string | undefined {
  const at = 'attach_container_input.process_io'
  if (type === 'DATA') {
    if (data === undefined) return `Expecting '${at}.data' to be present`
    return data.type === 'STDIN' ? undefined : `Expecting '${at}.data.type' to be STDIN`
  }
  if (type !== 'CONTROL') return `Expecting '${at}.type' to be DATA or CONTROL`
  if (control === undefined) return `Expecting '${at}.control' to be present`
  if (control.type === 'HEARTBEAT') return undefined
  if (control.type !== 'TTY_INFO') return `Expecting '${at}.control.type' to be TTY_INFO or HEARTBEAT`
  const size = control.tty_info?.window_size
  if (size === undefined) return `Expecting '${at}.control.tty_info.window_size' to be present`
  return size.rows > MOST_CELLS || size.columns > MOST_CELLS ? 'A terminal is too large' : undefined
}

/** Answers when the session or the records have ended: 200; a refusal ends them. */
export async function attachInput(sessions: Sessions, request: HttpRequest): Promise<Answer> {
  const type = request.header('message-content-type')
  if (type === undefined)
    return text(400, "Expecting 'Message-Content-Type' to be set for streaming requests")
  if (type !== 'application/json') return text(415, "Expecting 'Message-Content-Type' of application/json")
  const over = new AbortController()
  let running: RunningSession | undefined
  const begin = (input: AgentCallAttachContainerInput): Answer | undefined => {
    if (input.type !== 'CONTAINER_ID')
      return text(400, "Expecting 'attach_container_input.type' of the first record to be CONTAINER_ID")
    const id = input.container_id
    const found = sessions.get(id)
    if (found === undefined)
      return sessions.status(id) === undefined
        ? text(404, `Container '${pathOf(id)}' cannot be found`)
        : empty(200)
    if (found.hasInput) return text(409, 'Multiple input connections are not allowed')
    found.hasInput = true
    running = found
    found.over.addEventListener('abort', () => over.abort(), { once: true })
    if (found.over.aborted) over.abort()
    return undefined
  }
  const take = async (record: string): Promise<Answer | undefined> => {
    const passed = passCall(GATE, record)
    if (!passed.ok) return passed.answer
    const input = passed.call.attach_container_input ?? {}
    if (running === undefined) return begin(input)
    if (input.process_io === undefined)
      return text(400, "Expecting 'attach_container_input.type' to be PROCESS_IO behind the first record")
    await hand(running, input.process_io)
    return undefined
  }
  try {
    return (await takeRecords(request, LIMITS, take, over.signal)) ?? empty(200)
  } finally {
    if (running !== undefined) running.hasInput = false
  }
}

/** Nothing in the data is the end of the input, as in Mesos. */
async function hand({ session }: RunningSession, { control, data }: ProcessIO): Promise<void> {
  if (data !== undefined) {
    const bytes = Buffer.from(data.data ?? '', 'base64')
    if (bytes.length === 0) session.endInput()
    else await session.write(bytes)
  }
  const size = control?.tty_info?.window_size
  if (size !== undefined) session.resize(size)
}
