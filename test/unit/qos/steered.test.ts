// The controller that virtual machines are steered by: everything that it orders must pass the guard of an agent.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadQosController } from '../../../src/qos/built-in.ts'
import type { Action } from '../../../src/qos/controller.ts'
import { PulseMachine } from '../../support/pulses.ts'

const PLUGIN = join(import.meta.dirname, '../../support/plugins/steered.ts')
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-steered-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function wordsOf(action: Action): string {
  switch (action.kind) {
    case 'evict':
      return `evict ${action.containerId}`
    case 'freeze':
    case 'thaw':
      return `${action.kind} ${action.containerIds.join(' ')}`
    case 'squeeze':
    case 'relax':
      return `${action.kind} ${action.quotaCpus}`
    default:
      return action.kind
  }
}

test('each order is carried out once, on every borrower and on no owner', async () => {
  const file = join(folder, 'order')
  const troubles: string[] = []
  const controller = await loadQosController(`${PLUGIN}?file=${file}`, (reason) => troubles.push(reason))
  const machine = new PulseMachine()
    .add({ id: 'web', cpus: 1 })
    .add({ id: 'batch', cpus: 0.5, revocable: true })
    .add({ id: 'mail', cpus: 0.5, revocable: true })
  const ordered: string[][] = []
  for (const order of ['squeeze', 'relax', 'freeze', 'thaw', 'evict']) {
    writeFileSync(file, `${order}\n`)
    for (let round = 0; round < 2; round++) {
      const pulse = machine.tick({ batch: { cpus: 0.5 } })
      const actions = (await controller?.decide({ pulse, allowed: 'full' })) ?? []
      ordered.push(actions.map(wordsOf))
    }
  }
  expect(troubles).toEqual([])
  expect(ordered).toEqual([
    ['squeeze 0.2'],
    [],
    ['relax Infinity'],
    [],
    ['freeze c-batch c-mail'],
    [],
    ['thaw c-batch c-mail'],
    [],
    ['evict c-batch', 'evict c-mail'],
    [],
  ])
})
