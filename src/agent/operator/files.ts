// LIST_FILES and READ_FILE of the agent's operator API: the sandboxes of `/files` in the form of that API.
import type { CallHandler } from '../../http/operator/dispatch.ts'
import type { HttpRequest } from '../../http/request.ts'
import { jsonText, type Answer } from '../../http/response.ts'
import type { AgentCall } from '../../wire/agent-call.ts'
import { AgentResponse } from '../../wire/agent-response.ts'
import type { FileInfo } from '../../wire/agents.ts'
import { encodeMessage } from '../../wire/json.ts'
import { modeOf } from '../file-mode.ts'
import type { Files } from '../files.ts'

type Asked = Pick<HttpRequest, 'query'>

/** An entry as `/files/browse` has it. */
interface Row extends Omit<FileInfo, 'mtime' | 'mode'> {
  readonly mtime: number
  readonly mode: string
}

export function fileHandlers(
  files: Files,
): Readonly<Record<'LIST_FILES' | 'READ_FILE', CallHandler<AgentCall>>> {
  return {
    LIST_FILES: ({ list_files: asked }) => list(files, asked?.path ?? ''),
    READ_FILE: ({ read_file: asked }) =>
      read(files, asked?.path ?? '', asked?.offset ?? 0, asked?.length ?? -1),
  }
}

async function list(files: Files, path: string): Promise<Answer> {
  const answer = await files.browse(askedFor({ path }))
  if (answer.kind !== 'json') return answer
  const file_infos = (JSON.parse(answer.text) as Row[]).map(
    ({ mtime, mode, ...row }): FileInfo => ({
      ...row,
      mtime: { nanoseconds: mtime * 1e9 },
      mode: modeOf(mode),
    }),
  )
  return jsonText(encodeMessage(AgentResponse, { type: 'LIST_FILES', list_files: { file_infos } }))
}

async function read(files: Files, path: string, offset: number, length: number): Promise<Answer> {
  const whole = await files.read(askedFor({ path }))
  if (whole.kind !== 'json') return whole
  const { offset: size } = JSON.parse(whole.text) as { readonly offset: number }
  const wish = { path, offset: `${offset}`, length: `${length}`, encoding: 'base64' }
  const piece = await files.read(askedFor(wish))
  if (piece.kind !== 'json') return piece
  const { data } = JSON.parse(piece.text) as { readonly data: string }
  return jsonText(encodeMessage(AgentResponse, { type: 'READ_FILE', read_file: { size, data } }))
}

const askedFor = (query: Readonly<Record<string, string>>): Asked => ({
  query: new Map(Object.entries(query)),
})
