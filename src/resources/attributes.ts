/** What is true of an agent without being used up (`rack:a;kernel:6.1`), as the flag `--attributes` says it. */
import { type Rejection, rejection } from '../base/errors.ts'
import type { Attribute } from '../wire/values.ts'
import { parseValue } from './parse-value.ts'
import { amountText, rangesAmount, scalarAmount, toMilli } from './value.ts'

/** More than anybody attaches to one machine. */
export const MAX_ATTRIBUTES = 1_000

/**
 * Reads `name:value;…`: numbers, ranges and texts of `[a-zA-Z0-9_/.-]` (spec/mesos.md 5.6).
 */
export function parseAttributes(text: string): readonly Attribute[] | Rejection {
  const found: Attribute[] = []
  for (const item of text.split(';').map((one) => one.trim())) {
    if (item === '') continue
    const attribute = parseAttribute(item)
    if ('rejected' in attribute) return attribute
    found.push(attribute)
    if (found.length > MAX_ATTRIBUTES) return rejection(`Cannot read more than ${MAX_ATTRIBUTES} attributes`)
  }
  return found
}

/** `rack:a;cores:[0-3]`, what `parseAttributes` reads. */
export function attributesText(attributes: readonly Attribute[]): string {
  return attributes.map((attribute) => `${attribute.name}:${attributeText(attribute)}`).join(';')
}

/** The value of one attribute as pages show it. */
export function attributeText(attribute: Attribute): string {
  if (attribute.text !== undefined) return attribute.text.value
  if (attribute.scalar !== undefined) return amountText(scalarAmount(toMilli(attribute.scalar.value)))
  return amountText(rangesAmount(attribute.ranges?.range ?? []))
}

function parseAttribute(item: string): Attribute | Rejection {
  const colon = item.indexOf(':')
  const name = item.slice(0, Math.max(0, colon)).trim()
  if (name === '')
    return rejection(`Cannot read the attribute '${item}': expected NAME:VALUE, such as rack:a1`)
  const value = parseValue(item.slice(colon + 1))
  if ('rejected' in value) return rejection(`Cannot read the attribute '${item}': ${value.message}`)
  switch (value.type) {
    case 'SET':
      return rejection(
        `Cannot read the attribute '${item}': sets are not supported, expected a number, ranges or text`,
      )
    case 'TEXT':
      return /^[\w/.-]+$/.test(value.text?.value ?? '')
        ? { name, ...value }
        : rejection(
            `Cannot read the attribute '${item}': a text may hold letters, digits, '_', '/', '.' and '-' only`,
          )
    case 'SCALAR':
    case 'RANGES':
      return { name, ...value }
  }
}
