// Each view of the web page, opened and used in a real Chromium: of a real master with agents that are all show.
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { type OpenOptions, type OpenPage, TestBrowser } from '../support/browser.ts'
import { buildPage } from '../support/page-build.ts'
import { soon } from '../support/soon.ts'
import { frameworkId, ToyCluster } from '../support/toy-cluster.ts'

/** Its last character turns the direction of writing. */
const HOSTILE = '"><script>document.title="caught"</script>\u202E'

let cluster: ToyCluster
let browser: TestBrowser
let task: string

beforeAll(async () => {
  await buildPage()
  const plan = { agents: 3, tasksEach: 8, frameworkName: HOSTILE, taskName: 'web' }
  cluster = await ToyCluster.start(plan, systemClock.now())
  task = `#/tasks/${encodeURIComponent(frameworkId(0))}/web.0.0`
  browser = await TestBrowser.start()
})

afterEach(() => browser.closeViews())

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]()
  await cluster?.[Symbol.asyncDispose]()
})

const open = (path: string, options?: OpenOptions): Promise<OpenPage> =>
  browser.view(cluster.origin, path, options)

const agentPath = (index: number): string => `#/agents/${encodeURIComponent(cluster.agents[index]?.id ?? '')}`

/** Tables wider than their place, columns too narrow to say anything, and sentences without their end. */
const CUT = `[...document.querySelectorAll('.table')].flatMap((table) => [
  ...(table.scrollWidth > table.clientWidth ? [table.querySelector('table').ariaLabel + ' is too wide'] : []),
  ...[...table.querySelectorAll('th')]
    .filter(({ offsetWidth, innerText }) => innerText !== '' && offsetWidth > 0 && offsetWidth < 50)
    .map(({ innerText }) => table.querySelector('table').ariaLabel + ': ' + innerText + ' is too narrow'),
  ...[...table.querySelectorAll('td span[title]')]
    .map((span) => span.closest('.sentence') ?? span.closest('td'))
    .filter((cell) => cell.scrollWidth > cell.clientWidth + 1 || cell.scrollHeight > cell.clientHeight + 1)
    .map((cell) => table.querySelector('table').ariaLabel + ': ' + cell.innerText + ' is cut'),
  ...[...table.querySelectorAll('td.figure, th, .figures')]
    .filter((cell) => cell.scrollWidth > cell.clientWidth + 1)
    .map((cell) => table.querySelector('table').ariaLabel + ': ' + cell.innerText + ' is cut'),
])`

/** Each view by its address, and words that it shows only when it works. */
const VIEWS: readonly (readonly [path: () => string, words: RegExp])[] = [
  [() => '', /agents\s+3\s+all connected/],
  [() => '#/agents', /a1\s+[\d.]+ \/ 1\.2 \/ 4\s[^]*a2[^]*a3/],
  [
    () => agentPath(0),
    /squeezes borrowers above 7\.0 %[^]*reserved but idle \(web\) − 0\.2 headroom = 0\.4 more cpus/,
  ],
  [() => '#/tasks', /web\.0\.0/],
  [() => task, /guaranteed 0\.2 cpus; uses 0\.12 now[^]*its sandbox takes 5 MB of 20 MB reserved/],
  [() => `${task}?tab=sandbox`, /stderr[^]*stdout/],
  [() => `${task}?tab=history`, /starting[^]*running/],
  [() => `${task}?tab=spec`, /tepui run --name web --cpus 0\.2 --mem 32MB -- sh -c 'sleep 100000'/],
  [
    () => `${agentPath(0)}?`,
    /the agent itself\s+64 MB, 3\.0 % of a core since it began[^]*Flags of this agent[^]*--work_dir/,
  ],
  [() => '#/lending', /squeezed/],
  [() => '#/frameworks', /<script>/],
  [() => `#/frameworks/${encodeURIComponent(frameworkId(1))}`, /tasks outlive it for\s+7 d/],
  [() => '#/offers', /waiting for an answer: \d+ offers?/],
  [() => '#/events', /came back with/],
  [() => '#/run', /fits on \d of 3 agents now/],
  [() => '#/each', /Run on each of 3 agents/],
  [
    () => '#/about',
    /the master itself\s+[\d.]+ MB, [\d.]+ % of a core[^]*--allocation_interval\s+50ms\s+command line/,
  ],
  [() => '#/no-such-view', /There is no such view/],
]

describe.each([
  ['wide and light', { width: 1280, height: 900, dark: false }],
  ['narrow and dark', { width: 390, height: 844, dark: true }],
] as const)('%s, each view', (name, options) => {
  test('shows what it is for, within the width, with nothing wrong in the console', async () => {
    const view = await open('', options)
    for (const [path, words] of VIEWS) {
      await view.use(`${name} ${path()}`, async (page) => {
        await view.go(path())
        await soon(() => view.text()).toMatch(words)
        // What a view shows may still come in.
        await soon(() => page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
          options.width,
        )
        await soon(() => page.evaluate(CUT)).toEqual([])
      })
    }
    expect(view.troubles).toEqual([])
    expect(await view.page.title()).not.toContain('caught')
  })
})

test('the keyboard leads to each view, to the filter and out of it', async () => {
  const view = await open('')
  await view.use('keys', async (page) => {
    await page.keyboard.press('g')
    await page.keyboard.press('t')
    await page.locator('table[aria-label=tasks]').waitFor()
    await soon(() => page.locator('main:focus').count()).toBe(1)
    // The Tab key goes on in the view, not in the list of views.
    await page.keyboard.press('Tab')
    await soon(() => page.locator('main :focus').count()).toBe(1)
    await page.keyboard.press('Escape')
    await page.keyboard.press('/')
    await page.keyboard.type('web.2.7')
    await soon(() => page.locator('tbody tr.opens').count()).toBe(1)
    await page.keyboard.press('Escape')
    await page.locator('tbody tr.opens').focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'web.2.7' }).waitFor()
    await soon(() => page.title()).toBe('web.2.7 · Tepui')
    await page.goBack()
    await page.locator('table[aria-label=tasks]').waitFor()
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'keys' }).waitFor()
    await page.keyboard.press('Escape')
    await soon(() => page.getByRole('dialog').count()).toBe(0)
  })
  expect(view.troubles).toEqual([])
})

test('a name that turns the direction of writing turns nothing but itself', async () => {
  const view = await open(task)
  await view.use('direction', async (page) => {
    const framework = await page.locator('.title a[href^="#/frameworks/"]').boundingBox()
    const name = await page.locator('.title bdi').boundingBox()
    expect(name?.x).toBeGreaterThanOrEqual((framework?.x ?? 0) + (framework?.width ?? 0) - 1)
  })
})

test('arrow keys lead along the take-backs, which are one stop of the Tab key, and down a table', async () => {
  const view = await open('')
  await view.use('arrows', async (page) => {
    const lane = page.getByRole('group', { name: /take-backs/ })
    await soon(() => lane.locator('a').count()).toBeGreaterThan(3)
    expect(await lane.locator('a[tabindex="0"]').count()).toBe(1)
    const newest = lane.locator('a').last()
    await newest.focus()
    await page.keyboard.press('ArrowLeft')
    await soon(() => lane.locator('a:focus').count()).toBe(1)
    expect(await newest.and(page.locator(':focus')).count()).toBe(0)
    await view.go('#/tasks')
    await page.locator('tbody tr.opens').first().focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowUp')
    const second = page.locator('tbody tr.opens').nth(1)
    await soon(() => second.and(page.locator(':focus')).count()).toBe(1)
  })
  expect(view.troubles).toEqual([])
})

test('an empty cluster says what is missing and how it comes', async () => {
  await using empty = await ToyCluster.start({ agents: 0, tasksEach: 0 }, systemClock.now())
  const view = await browser.view(empty.origin, '')
  await view.use('empty', async (page) => {
    await soon(() => view.text()).toMatch(
      /No agent has registered yet[^]*tepui agent --master=127\.0\.0\.1:\d+/,
    )
    await view.go('#/agents')
    await page.getByText('No agent has registered yet').waitFor()
    await view.go('#/tasks')
    await page.getByText('No task has run yet').waitFor()
  })
  expect(view.troubles).toEqual([])
})

test('what waits for a place is named above the tasks, with how much is missing where', async () => {
  await using full = await ToyCluster.start({ agents: 1, tasksEach: 2 }, systemClock.now())
  const view = await browser.view(full.origin, '#/run')
  await view.use('waits', async (page) => {
    await page.getByLabel('command, for the shell').fill('echo never')
    await page.getByLabel('cpus', { exact: true }).fill('1000')
    await page.getByRole('button', { name: 'Run it' }).click()
    await page.getByRole('link', { name: 'Tasks', exact: true }).click()
    const waits = page.getByRole('list', { name: 'what waits for a place' })
    await soon(() => waits.innerText()).toMatch(
      /echo waits for a place[^]*it wants 1000 cpus and 32 MB, which fits on 0 of 1 agent now; nearest is a1: 1000/,
    )
    await waits.getByRole('link').click()
    await page.getByRole('heading', { name: 'Why nothing of it runs' }).waitFor()
  })
  expect(view.troubles).toEqual([])
})

test('tasks of few agents have what each uses beside what it was given, also on the page of their agent', async () => {
  const view = await open('#/tasks?q=web.0.1')
  await view.use('uses', async (page) => {
    const row = page.locator('tbody tr.opens', { hasText: 'web.0.1' })
    await soon(() => row.innerText()).toMatch(/0\.12 \/ 0\.2\s+16 MB \/ 32 MB/)
    await view.go(agentPath(0))
    await soon(() => row.innerText()).toMatch(/0\.12 \/ 0\.2\s+16 MB \/ 32 MB/)
  })
  expect(view.troubles).toEqual([])
})

test('the wait of owners is drawn as it was since the page was opened', async () => {
  const view = await open('#/agents')
  await view.use('sparks', async (page) => {
    const line = page.locator('.spark polyline').first()
    await soon(async () => (await line.getAttribute('points'))?.split(' ').length).toBeGreaterThan(2)
    expect(await page.locator('.spark').count()).toBe(3)
  })
  expect(view.troubles).toEqual([])
})

test('what is shown of the events is saved, one on a line, and those before a time are asked for', async () => {
  const view = await open('#/events?kind=agents')
  await view.use('save', async (page) => {
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: /save these \d+ as JSONL/ }).click()
    const lines = readFileSync(await (await download).path(), 'utf8')
      .trim()
      .split('\n')
    const kinds = lines.map((line) => (JSON.parse(line) as { readonly kind: string }).kind)
    expect(kinds.length).toBeGreaterThanOrEqual(3)
    expect(kinds.filter((kind) => !kind.startsWith('agent-'))).toEqual([])
    await page.getByLabel('up to').fill('2001-02-03T04:05:06')
    await page.getByText('Nothing of this kind is remembered.').waitFor()
    expect(new URL(page.url()).hash).toContain('until=2001-02-03')
  })
  expect(view.troubles).toEqual([])
})

test('a table is sorted by its heads, and what is lent is found by a button', async () => {
  const view = await open('#/tasks')
  await view.use('sorting', async (page) => {
    await page.getByRole('button', { name: 'task', exact: true }).click()
    await soon(() => page.locator('tbody tr.opens').first().innerText()).toContain('web.0.0')
    await page.getByRole('button', { name: 'task ↑', exact: true }).click()
    await soon(() => page.locator('tbody tr.opens').first().innerText()).toContain('web.2.7')
    await page.getByRole('button', { name: /^lent/ }).click()
    await soon(() => page.locator('tbody tr.opens').count()).toBe(6)
  })
  expect(view.troubles).toEqual([])
})

test('tasks that are chosen are ended together, once their number was confirmed', async () => {
  await using ending = await ToyCluster.start({ agents: 1, tasksEach: 6 }, systemClock.now())
  const view = await browser.view(ending.origin, '#/tasks')
  await view.use('end many', async (page) => {
    const asked: string[] = []
    page.on('dialog', (dialog) => {
      asked.push(dialog.message())
      void (asked.length === 1 ? dialog.dismiss() : dialog.accept())
    })
    await page.getByLabel('choose web.0.1').check()
    await page.getByLabel('choose web.0.2').check()
    const end = page.getByRole('button', { name: 'End 2 tasks' })
    await end.click()
    expect(ending.agents[0]?.killed).toEqual([])
    await end.click()
    await soon(() => ending.agents[0]?.killed.toSorted()).toEqual(['web.0.1', 'web.0.2'])
    expect(asked).toEqual(['End 2 tasks?', 'End 2 tasks?'])
    await page.getByRole('button', { name: 'choose these 6' }).click()
    await page.getByRole('button', { name: 'End 6 tasks' }).waitFor()
  })
  expect(view.troubles).toEqual([])
})

test('an agent is drained with a reason and put to use again', async () => {
  await using draining = await ToyCluster.start({ agents: 1, tasksEach: 1 }, systemClock.now())
  const view = await browser.view(
    draining.origin,
    `#/agents/${encodeURIComponent(draining.agents[0]?.id ?? '')}`,
  )
  await view.use('drain', async (page) => {
    await page.getByRole('button', { name: 'Drain it …' }).click()
    await page.getByLabel('why, for the events').fill('its disk fails')
    await page.getByLabel('its tasks may take to end').selectOption('at most 10 s')
    await page.getByRole('button', { name: 'Drain it and end 1 task' }).click()
    await soon(() => draining.agents[0]?.drains).toMatchObject([{ max_grace_period: { nanoseconds: 1e10 } }])
    await page.locator('.title .state', { hasText: 'draining' }).waitFor()
    await view.go('#/events')
    await soon(() => view.text()).toContain('An operator drains a1: its disk fails')
  })
  expect(view.troubles).toEqual([])
})

test('the overview shows a day, which is asked for when somebody wants it', async () => {
  const view = await open('')
  await view.use('day', async (page) => {
    const answered = page.waitForResponse(/api\/x1\/usage/)
    await page.getByRole('button', { name: '24 h' }).click()
    const answer = (await (await answered).json()) as { readonly points: readonly unknown[] }
    expect(answer.points.length).toBeGreaterThan(280)
    await soon(() => page.locator('.legend').first().innerText()).toMatch(/used by owners [\d.]+\s/)
  })
  expect(view.troubles).toEqual([])
})

test('the flags are told with where each came from', async () => {
  const view = await open('#/about')
  await view.use('flags', async (page) => {
    await page.getByLabel('flags with').fill('command line')
    await soon(() => page.locator('table[aria-label=flags] tbody tr').count()).toBeGreaterThan(0)
    await soon(() => page.locator('table[aria-label=flags]').innerText()).toMatch(/--port\s+0\s+command line/)
  })
  expect(view.troubles).toEqual([])
})

test('lending is paused and resumed everywhere, and its mode is changed on one agent', async () => {
  const view = await open('#/lending')
  await view.use('switch', async (page) => {
    await page.getByRole('button', { name: 'pause lending everywhere' }).click()
    await soon(() => cluster.agents.map(({ paused }) => paused)).toEqual([true, true, true])
    await page.getByRole('button', { name: 'resume everywhere' }).click()
    await soon(() => cluster.agents.map(({ paused }) => paused)).toEqual([false, false, false])
    await view.go(agentPath(1))
    await page.getByLabel('mode of lending').selectOption('observe')
    await soon(() => cluster.agents.map(({ mode }) => mode)).toEqual(['full', 'observe', 'full'])
  })
  expect(view.troubles).toEqual([])
})

test('a task is run from the form, which says where it fits and what the same command is', async () => {
  const view = await open('#/run')
  await view.use('run', async (page) => {
    await page.getByLabel('cpus', { exact: true }).fill('1000')
    await soon(() => view.text()).toMatch(/fits on 0 of 3 agents now[^]*1000 cpus wanted/)
    await page.getByLabel('cpus', { exact: true }).fill('0.5')
    await page.getByLabel('command, for the shell').fill("echo 'it runs'")
    await soon(() => view.text()).toMatch(/fits on 3 of 3 agents now/)
    expect(await page.locator('.copyable').innerText()).toContain(
      String.raw`tepui run -d --name echo --cpus 0.5 --mem 32MB -- sh -c 'echo '\''it runs'\'''`,
    )
    await page.getByRole('button', { name: 'Run it' }).click()
    await soon(() => page.locator('.history').innerText()).toMatch(/echo\.\w+[^]*finished/)
  })
  expect(view.troubles).toEqual([])
})

test('a command is run on each agent, and equal outputs are shown once', async () => {
  const view = await open('#/each')
  await view.use('each', async (page) => {
    await page.getByLabel('command, for the shell').fill('uname -r')
    await page.getByRole('button', { name: 'Run on 3 agents' }).click()
    await soon(() => view.text()).toMatch(/3 ok, 0 failed, 0 under way[^]*ok on 3:/)
  })
  expect(view.troubles).toEqual([])
})

test('where a command failed it is run again, and only there', async () => {
  await using failing = await ToyCluster.start({ agents: 3, tasksEach: 1 }, systemClock.now())
  const [first] = failing.agents
  if (first !== undefined) first.failing = 1
  const view = await browser.view(failing.origin, '#/each')
  await view.use('again', async (page) => {
    await page.getByLabel('command, for the shell').fill('uname -r')
    await page.getByRole('button', { name: 'Run on 3 agents' }).click()
    await soon(() => view.text()).toMatch(/2 ok, 1 failed, 0 under way/)
    await page.getByRole('button', { name: 'Run again where it failed (1)' }).click()
    await soon(() => view.text()).toMatch(/3 ok, 0 failed, 0 under way/)
    expect(failing.agents.map(({ ran }) => ran)).toEqual([2, 1, 1])
  })
  expect(view.troubles).toEqual([])
})

test('an agent that dies breaks no view: it is grey, with its age', async () => {
  await using dying = await ToyCluster.start({ agents: 2, tasksEach: 2 }, systemClock.now())
  const view = await browser.view(dying.origin, '#/agents')
  await view.use('dead agent', async (page) => {
    await soon(() => page.locator('tbody tr.opens').count()).toBe(2)
    await dying.agents[0]?.die()
    await soon(() => page.locator('tbody tr.away').innerText()).toMatch(/a1[^]*away/)
    await page.getByRole('link', { name: 'a1' }).click()
    await soon(() => view.text()).toMatch(/This agent is away[^]*it does not answer[^]*did not answer/)
    await view.go('#/tasks?q=web.0.1')
    await soon(() => page.locator('tbody tr.away').innerText()).toMatch(/web\.0\.1[^]*agent away/)
    await page.getByRole('link', { name: 'web.0.1' }).click()
    await soon(() => view.text()).toMatch(/Its agent a1 is away for .*it may still run there/)
    await view.go('')
    await soon(() => view.text()).toMatch(/agents\s+1\s+1 away[^]*a1 is away/)
  })
  // The browser itself writes answers with 502 into the console: what the master says of an agent that is away.
  expect(view.troubles.filter((trouble) => !trouble.includes('502'))).toEqual([])
})

test('a master that ends leaves what it said last, grey, and one sees that it is silent', async () => {
  const ending = await ToyCluster.start({ agents: 1, tasksEach: 1 }, systemClock.now())
  const view = await browser.view(ending.origin, '')
  await ending[Symbol.asyncDispose]()
  await view.use('silent master', async (page) => {
    await page.locator('nav .link.off').waitFor()
    await soon(() => view.text()).toMatch(/The master has not been heard for [^]*agents/)
    expect(await page.locator('main.stale').count()).toBe(1)
  })
})
