// The web page in a real Chromium, of a real master with a real agent and real processes.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { commandTask, type Offer } from '../../src/sdk/sdk.ts'
import { type OpenOptions, type OpenPage, TestBrowser } from '../support/browser.ts'
import { buildPage } from '../support/page-build.ts'
import { type RealCluster, startCluster } from '../support/real-cluster.ts'
import { soon } from '../support/soon.ts'

const HOSTILE = '<img src=x onerror="document.title=`caught`">'
const LENDS = [
  '--resource_estimator=fixed?resources=cpus:2',
  '--attributes=agent:a1',
  '--containerizers=mesos',
]

let cluster: RealCluster
let browser: TestBrowser
let origin: string

beforeAll(async () => {
  await buildPage()
  cluster = await startCluster({ agent: LENDS, capabilities: ['REVOCABLE_RESOURCES', 'PARTITION_AWARE'] })
  origin = `http://127.0.0.1:${cluster.master.address.port}`
  const { framework } = cluster
  const isOwn = (offer: Offer): boolean =>
    (offer.resources ?? []).some(({ name, revocable }) => name === 'cpus' && revocable === undefined)
  await framework.launch(
    (offer) => [
      commandTask({
        id: 'web.1',
        name: HOSTILE,
        offer,
        command: 'echo hello; while :; do sleep 1; done',
        cpus: 1,
        mem: 64,
      }),
      commandTask({ id: 'fails', offer, command: 'echo it broke >&2; exit 3', cpus: 0.1, mem: 32 }),
    ],
    isOwn,
  )
  await framework.status('web.1', 'TASK_RUNNING')
  await framework.end('fails')
  browser = await TestBrowser.start()
})

afterEach(() => browser.closeViews())

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]()
  await cluster?.[Symbol.asyncDispose]()
})

const open = (path: string, options?: OpenOptions): Promise<OpenPage> => browser.view(origin, path, options)

test('the overview shows agents, tasks and the stacked use, live', async () => {
  const view = await open('')
  await view.use('overview', async (page) => {
    await soon(() => page.locator('.number').first().innerText()).toMatch(/agents\s+1\s+all connected/)
    await soon(() => page.locator('.number').nth(1).innerText()).toMatch(/tasks\s+1\s+1 running/)
    await page.locator('.plot canvas').first().waitFor()
    await soon(() => page.locator('.legend').first().innerText()).toMatch(
      /used by owners [\d.]+\s.*of 8 total/s,
    )
    expect(await page.locator('.attention').innerText()).toContain('fails failed')
  })
  expect(view.troubles).toEqual([])
})

test('the tasks are found by what one types behind /, and a hostile name stays a name', async () => {
  const view = await open('#/tasks')
  await view.use('tasks', async (page) => {
    await page.getByText(HOSTILE).waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('running e2e')
    await soon(() => page.locator('tbody tr').count()).toBe(1)
    expect(new URL(page.url()).hash).toBe('#/tasks?q=running+e2e')
    await page.keyboard.type(' nothing-like-this')
    await page.getByText('No task fits.').waitFor()
    expect(await page.title()).toBe('Tasks · Tepui')
    expect(await page.locator('img').count()).toBe(0)
  })
  expect(view.troubles).toEqual([])
})

test('a task that failed says how, with what it wrote last and what to do next', async () => {
  const view = await open(`#/tasks/${encodeURIComponent(cluster.framework.client.frameworkId)}/fails`)
  await view.use('cause', async (page) => {
    const card = page.getByRole('region', { name: 'why it ended' })
    await soon(() => card.innerText()).toMatch(
      /exited with status 3[^]*exit code\s+3[^]*it broke[^]*tepui logs/,
    )
  })
  expect(view.troubles).toEqual([])
})

test('the list of what failed says why', async () => {
  const view = await open('#/tasks?show=failed')
  await view.use('failed', async (page) => {
    await soon(() => page.locator('tbody tr.opens').innerText()).toMatch(
      /fails[^]*failed[^]*exited with status 3/,
    )
  })
  expect(view.troubles).toEqual([])
})

test('the page is the same below the name of the process, and nobody may frame or script it', async () => {
  const view = await open('master/')
  await view.use('prefix', async (page) => {
    await page.locator('.numbers').waitFor()
  })
  expect(view.troubles).toEqual([])
  const answer = await fetch(`${origin}/`, { headers: { Accept: 'text/html' } })
  expect(answer.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
  expect(await (await fetch(`${origin}/`)).text()).toContain('Tepui master at')
})
