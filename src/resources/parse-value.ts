/** Reads one value as people write it: `2.5`, `[1-5, 7-9]`, `{a, b}` or a word. */
import { type Rejection, rejection } from '../base/errors.ts'
import type { Value, ValueRange } from '../wire/values.ts'

/** Numbers, ranges and sets are known by their first character; everything else is text. */
export function parseValue(text: string): Value | Rejection {
  const value = text.trim()
  if (value === '') return rejection('the value is missing')
  if (value.startsWith('[')) return parseRanges(value)
  if (value.startsWith('{')) return parseSet(value)
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value)) {
    return { type: 'SCALAR', scalar: { value: Number(value) } }
  }
  return { type: 'TEXT', text: { value } }
}

function parseRanges(value: string): Value | Rejection {
  if (!value.endsWith(']')) return rejection(`'${value}' has no closing ']'`)
  const range: ValueRange[] = []
  const inside = value.slice(1, -1).trim()
  if (inside === '') return { type: 'RANGES', ranges: { range } }
  for (const part of inside.split(',')) {
    const ends = /^\s*(?<begin>\d+)\s*-\s*(?<end>\d+)\s*$/.exec(part)?.groups
    if (ends === undefined)
      return rejection(`'${part.trim()}' is not a range, expected BEGIN-END, such as 31000-32000`)
    range.push({ begin: Number(ends['begin']), end: Number(ends['end']) })
  }
  return { type: 'RANGES', ranges: { range } }
}

function parseSet(value: string): Value | Rejection {
  if (!value.endsWith('}')) return rejection(`'${value}' has no closing '}'`)
  const inside = value.slice(1, -1).trim()
  const item = inside === '' ? [] : inside.split(',').map((one) => one.trim())
  if (item.includes('')) return rejection(`'${value}' has an empty item`)
  return { type: 'SET', set: { item } }
}
