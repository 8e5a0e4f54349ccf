// `/metrics` of both daemons: Prometheus can read it, each family says what it means, what share/ asks for is there.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { TestAgent } from '../../support/agent-server.ts'
import { launchTask, TestMaster } from '../../support/master-server.ts'
import { running } from '../../support/session-client.ts'

const share = new URL('../../../share/', import.meta.url)

interface Family {
  help: string
  type: string
  readonly samples: Map<string, number>
}

/** Reads the text format strictly: a sample belongs to the family that was announced last. */
function familiesOf(text: string): Map<string, Family> {
  const families = new Map<string, Family>()
  let name = ''
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [, kind, family = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (kind === 'HELP') {
      expect(families.has(family)).toBe(false)
      name = family
      families.set(name, { help: rest, type: '', samples: new Map() })
      continue
    }
    const current = families.get(name)
    if (current === undefined) throw new Error(`A line before the first family: ${line}`)
    if (kind === 'TYPE') {
      expect(family).toBe(name)
      current.type = rest
      continue
    }
    const [, sample = '', , value = ''] = /^(\w+)(\{(?:\w+="[^"]*",?)*\})? (\S+)$/.exec(line) ?? []
    expect({ line, of: name, own: sample.startsWith(name) }).toEqual({ line, of: name, own: true })
    const key = line.slice(0, line.lastIndexOf(' '))
    expect({ twice: current.samples.has(key), key }).toEqual({ twice: false, key })
    current.samples.set(key, Number(value))
    expect(Number.isNaN(Number(value))).toBe(false)
  }
  return families
}

async function families(daemon: TestMaster | TestAgent): Promise<Map<string, Family>> {
  const { status, headers, body } = await daemon.get('/metrics')
  expect(status).toBe(200)
  expect(headers['Content-Type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  return familiesOf(body)
}

async function both(): Promise<Map<string, Family>> {
  await using master = await TestMaster.start()
  await using agent = await TestAgent.start('127.0.0.1:1')
  return new Map([...(await families(master)), ...(await families(agent))])
}

test('every family has a type and a sentence that says what it means', async () => {
  for (const [name, { help, type }] of await both()) {
    expect({ name, type }).toEqual({
      name,
      type: expect.stringMatching(/^(gauge|counter|histogram)$/) as unknown,
    })
    expect({ name, help }).toEqual({ name, help: expect.stringMatching(/^.{15,}\.$/) as unknown })
    expect(name).toMatch(/^tepui_[a-z_]+$/)
    if (name.endsWith('_total')) expect({ name, type }).toEqual({ name, type: 'counter' })
  }
})

test('the master shows who has what, and counts offers and ends', async () => {
  await using master = await TestMaster.start()
  using launched = await launchTask(master)
  const { agent, framework, update } = launched
  const before = await families(master)
  const value = (from: Map<string, Family>, key: string): number | undefined =>
    from.get(key.split('{')[0] ?? '')?.samples.get(key)
  const label = '127.0.0.1:5051'
  expect(value(before, `tepui_agent_resource{agent="${label}",resource="cpus",kind="total"}`)).toBe(4)
  expect(value(before, `tepui_agent_resource{agent="${label}",resource="cpus",kind="allocated"}`)).toBe(1)
  expect(
    value(before, `tepui_framework_resource{framework="${framework.id}",resource="mem",kind="allocated"}`),
  ).toBe(128)
  expect(value(before, 'tepui_agents{state="connected"}')).toBe(1)
  expect(value(before, 'tepui_tasks{state="staging"}')).toBe(1)
  expect(value(before, 'tepui_offers_total{outcome="accepted"}')).toBe(1)
  const state = 'TASK_FAILED'
  const status = {
    ...update.status,
    state,
    source: 'SOURCE_EXECUTOR',
    reason: 'REASON_COMMAND_EXECUTOR_FAILED',
  }
  await agent.call('UPDATE', { update: { ...update, status, latest_state: state } })
  const after = await families(master)
  expect(value(after, 'tepui_task_terminal_total{state="failed",reason="command_executor_failed"}')).toBe(1)
  expect(value(after, 'tepui_task_terminal_total{state="failed",reason=""}')).toBe(0)
})

test('take-backs are a histogram whose buckets only grow, the last of them being all', async () => {
  await using master = await TestMaster.start()
  const family = (await families(master)).get('tepui_lend_takeback_seconds')
  const keys = [...(family?.samples.keys() ?? [])]
  expect(keys.at(0)).toBe('tepui_lend_takeback_seconds_bucket{le="0.05"}')
  expect(keys.slice(-3)).toEqual([
    'tepui_lend_takeback_seconds_bucket{le="+Inf"}',
    'tepui_lend_takeback_seconds_sum',
    'tepui_lend_takeback_seconds_count',
  ])
})

test('the agent counts containers that the kernel killed for memory, by whose limit it was', async () => {
  await using here = await running()
  here.container.end({ kind: 'memory', level: 'parent', limitBytes: 1, peakBytes: 1, detail: 'killed' })
  await expect
    .poll(async () => [...((await families(here.agent)).get('tepui_task_oom_total')?.samples ?? [])])
    .toEqual([
      ['tepui_task_oom_total{level="task"}', 0],
      ['tepui_task_oom_total{level="group"}', 1],
      ['tepui_task_oom_total{level="host"}', 0],
    ])
})

/** The names of our metrics in an expression, without what a histogram adds. */
const namesIn = (expression: string): string[] =>
  [...expression.matchAll(/\btepui_[a-z_]+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, ''))

interface Panel {
  readonly id: number
  readonly title: string
  readonly description: string
  readonly datasource: { readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets: readonly {
    readonly refId: string
    readonly expr: string
    readonly legendFormat: string
  }[]
}

describe('the dashboards for Grafana', () => {
  const folder = new URL('grafana/', share)
  test.each(readdirSync(folder))(
    '%s has what Grafana needs, and asks only for metrics that are there',
    async (file) => {
      const known = await both()
      const dashboard = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as {
        readonly uid: string
        readonly title: string
        readonly schemaVersion: number
        readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] }
        readonly panels: readonly Panel[]
      }
      expect(dashboard.uid).toBe(`tepui-${file.replace('.json', '')}`)
      expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36)
      expect(dashboard.templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource' })
      expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
      for (const { title, description, datasource, gridPos, targets } of dashboard.panels) {
        // None is bound to the data source of one installation.
        expect({ title, uid: datasource.uid }).toEqual({ title, uid: '${datasource}' })
        expect(title).not.toBe('')
        expect(description).toMatch(/\.$/)
        expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
        expect(targets.length).toBeGreaterThan(0)
        for (const { expr } of targets) {
          const names = namesIn(expr)
          expect({ title, expr, names: names.length > 0 }).toEqual({ title, expr, names: true })
          expect(names.filter((name) => !known.has(name))).toEqual([])
          expect(expr.replaceAll(/[^(]/g, '')).toHaveLength(expr.replaceAll(/[^)]/g, '').length)
        }
      }
    },
  )

  test('there are three', () => {
    expect(readdirSync(folder).toSorted()).toEqual(['agent.json', 'cluster.json', 'lending.json'])
  })
})

test('every alert has an expression over metrics that are there, a time, a severity and two sentences', async () => {
  const known = await both()
  const text = readFileSync(new URL('prometheus/alerts.yaml', share), 'utf8')
  const [head = '', ...rules] = text.split('      - alert: ')
  expect(head).toMatch(/^#.*\ngroups:\n {2}- name: tepui\n {4}rules:\n$/)
  expect(rules.length).toBeGreaterThan(8)
  const form = new RegExp(
    [
      "^(\\w+)\n {8}expr: '([^']+)'\n {8}for: \\d+[smh]\n",
      ' {8}labels:\n {10}severity: (?:warning|critical)\n',
      " {8}annotations:\n {10}summary: '[^']+\\.'\n {10}description: '[^']+\\.'\n$",
    ].join(''),
  )
  const names = rules.map((rule) => {
    const [, name = '', expression = ''] = form.exec(rule) ?? []
    expect({ rule, name: name !== '' }).toEqual({ rule, name: true })
    expect(namesIn(expression).filter((metric) => !known.has(metric))).toEqual([])
    expect(/\btepui_|\bup\b/.test(expression)).toBe(true)
    return name
  })
  expect(new Set(names).size).toBe(names.length)
})
