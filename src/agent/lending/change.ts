/**
 * `POST /api/x1/lend`: what can be changed while the agent runs. All or nothing: each field is checked before any is
 * taken over, and a refusal names the field and what was expected.
 */
import { closest } from '../../base/words.ts'
import type { Change, OptionTexts } from './switch.ts'
import { MODES } from './switch.ts'
import { readWindows } from './windows.ts'

export type ReadChange =
  | { readonly ok: true; readonly change: Change }
  | { readonly ok: false; readonly message: string }

const FIELDS = ['mode', 'paused', 'estimator_options', 'controller_options', 'windows'] as const
const MAX_OPTIONS = 64
const MAX_TEXT = 4096

/** Reads the body of the request. */
export function readChange(text: string): ReadChange {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return refusal(`The body is not JSON: expected an object with ${FIELDS.join(', ')}`)
  }
  if (!isRecord(value)) return refusal(`The body is not an object: expected one with ${FIELDS.join(', ')}`)
  for (const name of Object.keys(value)) {
    if (FIELDS.some((field) => field === name)) continue
    const near = closest(name, FIELDS)
    const hint = near === undefined ? `expected ${FIELDS.join(', ')}` : `did you mean '${near}'?`
    return refusal(`There is no field '${name.slice(0, 100)}': ${hint}`)
  }
  if (Object.keys(value).length === 0) return refusal(`Nothing is to be changed: give ${FIELDS.join(', ')}`)
  return readFields(value)
}

function readFields(value: Readonly<Record<string, unknown>>): ReadChange {
  const mode = MODES.find((one) => one === value['mode'])
  if (value['mode'] !== undefined && mode === undefined)
    return refusal(`Field 'mode' is ${shown(value['mode'])}: expected one of ${MODES.join(', ')}`)
  const paused = value['paused']
  if (paused !== undefined && typeof paused !== 'boolean')
    return refusal(`Field 'paused' is ${shown(paused)}: expected true or false`)
  const options: Record<string, OptionTexts> = {}
  for (const field of ['estimator_options', 'controller_options'] as const) {
    const read = readOptionTexts(field, value[field])
    if (typeof read === 'string') return refusal(read)
    if (read !== undefined) options[field] = read
  }
  const { windows } = value
  if (windows !== undefined && (typeof windows !== 'string' || windows.length > MAX_TEXT))
    return refusal(`Field 'windows' is ${shown(windows)}: expected a text such as 'quiet * 2 * * 6'`)
  const { estimator_options: estimatorOptions, controller_options: controllerOptions } = options
  return {
    ok: true,
    change: {
      ...(mode !== undefined && { mode }),
      ...(paused !== undefined && { paused }),
      ...(windows !== undefined && { windows: readWindows(windows) }),
      ...(estimatorOptions !== undefined && { estimatorOptions }),
      ...(controllerOptions !== undefined && { controllerOptions }),
    },
  }
}

/** Numbers and switches may be given as such; plug-ins read texts. */
function readOptionTexts(field: string, value: unknown): OptionTexts | string | undefined {
  if (value === undefined) return undefined
  if (!isRecord(value) || Object.keys(value).length > MAX_OPTIONS)
    return (
      `Field '${field}' is ${shown(value)}: ` +
      `expected an object of at most ${MAX_OPTIONS} options, such as {"headroom": 0.2}`
    )
  const texts: Record<string, string> = {}
  for (const [name, one] of Object.entries(value)) {
    const isPlain = typeof one === 'number' || typeof one === 'boolean' || typeof one === 'string'
    // These two part the options in the form of the flags.
    if (!isPlain || /[&=?]/.test(name) || /[&]/.test(String(one)) || String(one).length > MAX_TEXT)
      return (
        `Option '${name.slice(0, 100)}' of '${field}' is ${shown(one)}: ` +
        "expected a number, true, false or a text without '&'"
      )
    texts[name] = String(one)
  }
  return texts
}

function refusal(message: string): ReadChange {
  return { ok: false, message }
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'missing').slice(0, 100)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
