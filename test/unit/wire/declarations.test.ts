// Every declaration has the numbers, rules and types of Mesos, so that the binary codec can be built on them.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Enumeration, Message } from '../../../src/wire/message.ts'

const folder = new URL('../../../src/wire/', import.meta.url)

async function declarations(): Promise<(Enumeration<unknown> | Message<unknown>)[]> {
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'))
  const modules = await Promise.all(
    names.map((name) => import(new URL(name, folder).href) as Promise<Record<string, unknown>>),
  )
  return modules
    .flatMap((module) => Object.values(module))
    .filter((one): one is Enumeration<unknown> | Message<unknown> => {
      const kind = typeof one === 'object' && one !== null && 'kind' in one ? one.kind : undefined
      return kind === 'enum' || kind === 'message'
    })
}

function lines(one: Enumeration<unknown> | Message<unknown>): string[] {
  if (one.kind === 'enum')
    return Object.entries(one.numbers).map(([name, number]) => `${one.name}.${name} = ${number}`)
  return one.fields.map(
    (field) => `${one.name}.${field.name} = ${field.number} ${field.rule} ${field.type.name}`,
  )
}

test('the declarations of mesos.v1, the scheduler and the executor API are those of Mesos, all of them', async () => {
  const table = readFileSync(new URL('../../recorded/field-numbers.txt', import.meta.url), 'utf8')
  const declared = (await declarations()).filter((one) => one.name.startsWith('mesos.'))
  expect(declared.flatMap(lines).toSorted()).toEqual(table.trimEnd().split('\n').toSorted())
})

test('no two declarations have one name', async () => {
  const names = (await declarations()).map((one) => one.name)
  expect(names).toHaveLength(new Set(names).size)
})
