// Reads a decision back from JSON: what a database or a foreign plug-in hands us is checked field by field.
import { type Rejection, rejection } from '../base/errors.ts'
import type { Decision, DecisionKind } from './decision.ts'

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const isBoolean: Check = (value) => typeof value === 'boolean'
const isAbsent: Check = (value) => value === undefined

function oneOf(...words: readonly string[]): Check {
  return (value) => typeof value === 'string' && words.includes(value)
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check)
}

function either(...checks: readonly Check[]): Check {
  return (value) => checks.some((check) => check(value))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An object with these fields, each as its check wants it. */
function shaped(fields: Readonly<Record<string, Check>>): Check {
  return (value) => isObject(value) && Object.entries(fields).every(([name, check]) => check(value[name]))
}

const isFigures: Check = (value) => isObject(value) && Object.values(value).every(isNumber)
const isLevel = shaped({ value: either(isNumber, oneOf('max')), unit: isText })
const isTerm = shaped({
  name: isText,
  value: isNumber,
  unit: oneOf('cpus', 'MB'),
  of: either(isText, isAbsent),
  why: isText,
})
const isCandidate = shaped({
  id: isText,
  task: isText,
  frees: isNumber,
  progress: isNumber,
  cost: isNumber,
  score: isNumber,
})

const TOLD: Readonly<Record<string, Check>> = {
  at: isNumber,
  owner: isText,
  borrowers: listOf(isText),
  signal: isText,
  value: isNumber,
  threshold: isNumber,
  comparison: oneOf('at least', 'above', 'below', 'at most'),
  unit: isText,
  forMs: isNumber,
  terms: listOf(isTerm),
  before: isLevel,
  after: isLevel,
  why: isText,
  effect: shaped({ after1s: either(isAbsent, isFigures), after10s: either(isAbsent, isFigures) }),
  heldBack: either(isAbsent, isText),
}

const isMode = oneOf('off', 'observe', 'lend', 'full')

const OWN: Readonly<Record<DecisionKind, Readonly<Record<string, Check>>>> = {
  lend: {},
  unlend: {},
  squeeze: { floor: isNumber },
  relax: { factor: isNumber, ceiling: isNumber },
  freeze: { probeMs: either(isAbsent, isNumber) },
  thaw: {},
  evict: {
    rule: oneOf('cheapest', 'all', 'plug-in'),
    needs: isNumber,
    candidates: listOf(isCandidate),
    chosen: listOf(isText),
    workLostCpuSeconds: isNumber,
  },
  'not-ours': { evidence: oneOf('borrowers idle', 'probe freeze'), found: isNumber, limit: isNumber },
  mode: { from: isMode, to: isMode, by: isText, paused: either(isAbsent, isBoolean) },
}

/** The decision that a parsed JSON value holds, or why it holds none. Unknown fields are kept. */
export function parseDecision(value: unknown): Decision | Rejection {
  if (!isObject(value)) return rejection('A decision must be an object')
  const { kind } = value
  if (typeof kind !== 'string' || !Object.hasOwn(OWN, kind))
    return rejection(
      `A decision's kind is one of ${Object.keys(OWN).join(', ')}, not ${JSON.stringify(kind)}`,
    )
  const fields = { ...TOLD, ...OWN[kind as DecisionKind] }
  for (const [name, check] of Object.entries(fields)) {
    if (!check(value[name]))
      return rejection(
        `The field '${name}' of a decision '${kind}' is wrong: ${JSON.stringify(value[name]) ?? 'missing'}`,
      )
  }
  return value as unknown as Decision
}
