/** Reads resources as people write them: `name(role):value;…` or a JSON array of messages. */
import { type Rejection, reasonOf, rejection } from '../base/errors.ts'
import { roleError } from '../wire/identifiers.ts'
import { decodeMessage } from '../wire/json.ts'
import { Resource } from '../wire/resources.ts'
import type { Value } from '../wire/values.ts'
import { parseValue } from './parse-value.ts'

/** Longest text that is read, in characters. */
export const MAX_TEXT = 1_000_000

/** The resources that a text names, not yet validated beyond their form. */
export function parseResources(text: string, defaultRole: string): readonly Resource[] | Rejection {
  if (text.length > MAX_TEXT) {
    return rejection(`Cannot read resources of ${text.length} characters: expected at most ${MAX_TEXT}`)
  }
  return text.trimStart().startsWith('[') ? parseJson(text, defaultRole) : parseText(text, defaultRole)
}

function parseText(text: string, defaultRole: string): readonly Resource[] | Rejection {
  const found: Resource[] = []
  for (const item of text.split(';')) {
    if (item.trim() === '') continue
    const resource = parseItem(item.trim(), defaultRole)
    if ('rejected' in resource) return resource
    found.push(resource)
  }
  return found
}

function parseItem(item: string, defaultRole: string): Resource | Rejection {
  const form = /^(?<name>[^():]+?)\s*(?:\((?<role>[^()]*)\))?\s*:(?<value>.*)$/s.exec(item)?.groups
  if (form === undefined) {
    return rejection(
      `Cannot read the resource '${item}': expected NAME:VALUE or NAME(ROLE):VALUE, such as cpus:4`,
    )
  }
  const { name = '', role = defaultRole, value = '' } = form
  const problem = roleError(role)
  if (problem !== undefined) return rejection(`Cannot read the resource '${item}': ${problem}`)
  const amount = parseValue(value)
  if ('rejected' in amount) return rejection(`Cannot read the resource '${item}': ${amount.message}`)
  const resource = resourceOf(name.trim(), amount)
  if (resource === undefined) {
    return rejection(
      `Cannot read the resource '${item}': expected a number, ranges such as [1-5,7-9], or a set such as {a,b}`,
    )
  }
  return role === '*' ? resource : { ...resource, reservations: [{ type: 'STATIC', role }] }
}

function resourceOf(name: string, value: Value): Resource | undefined {
  if (value.scalar !== undefined) return { name, type: 'SCALAR', scalar: value.scalar }
  if (value.ranges !== undefined) return { name, type: 'RANGES', ranges: value.ranges }
  return value.set === undefined ? undefined : { name, type: 'SET', set: value.set }
}

function parseJson(text: string, defaultRole: string): readonly Resource[] | Rejection {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    return rejection(`Cannot read resources as JSON: ${reasonOf(error)}`)
  }
  if (!Array.isArray(parsed)) return rejection('Cannot read resources as JSON: expected an array of Resource')
  const found: Resource[] = []
  for (const [index, item] of parsed.entries()) {
    const decoded = decodeMessage(Resource, item)
    if (!decoded.ok) return rejection(`Cannot read resources as JSON: [${index}].${decoded.error}`)
    found.push(withDefaultRole(decoded.value, defaultRole))
  }
  return found
}

function withDefaultRole(resource: Resource, defaultRole: string): Resource {
  const said = resource.role !== undefined || (resource.reservations ?? []).length > 0
  if (said || defaultRole === '*') return resource
  return { ...resource, reservations: [{ type: 'STATIC', role: defaultRole }] }
}
