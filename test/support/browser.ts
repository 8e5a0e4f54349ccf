/**
 * A real Chromium for the tests of the page. Each page notes what should not happen: errors in the console, exceptions,
 * requests to elsewhere. When a test fails its page is kept as a picture in `.tepui/pictures`.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { ROOT } from './rules.ts'

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const PICTURES = join(ROOT, '.tepui', 'pictures')

export interface OpenOptions {
  readonly width?: number
  readonly height?: number
  readonly dark?: boolean
  /** Pixels of the screen for each of the page, in both directions. */
  readonly sharpness?: number
}

export class TestBrowser implements AsyncDisposable {
  readonly #browser: Browser
  readonly #views: OpenPage[] = []

  private constructor(browser: Browser) {
    this.#browser = browser
  }

  /** @throws Error when the machine has no Chromium; scripts/test.sh brings one */
  static async start(): Promise<TestBrowser> {
    const executablePath = PROGRAMS.find((path) => existsSync(path))
    if (executablePath === undefined) throw new Error('There is no Chromium: apt-get install -y chromium')
    // As root Chromium has no sandbox; it opens nothing but our own page here.
    const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu']
    return new TestBrowser(await chromium.launch({ executablePath, args, timeout: 120_000 }))
  }

  async open(
    origin: string,
    { dark = false, height = 900, sharpness = 1, width = 1280 }: OpenOptions = {},
  ): Promise<OpenPage> {
    const context = await this.#browser.newContext({
      viewport: { width, height },
      deviceScaleFactor: sharpness,
      colorScheme: dark ? 'dark' : 'light',
    })
    return new OpenPage(await context.newPage(), origin)
  }

  /** Opens a view, which stays until `closeViews`. */
  async view(origin: string, path: string, options?: OpenOptions): Promise<OpenPage> {
    const view = await this.open(origin, options)
    this.#views.push(view)
    await view.go(path)
    return view
  }

  async closeViews(): Promise<void> {
    for (const view of this.#views.splice(0)) await view[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close()
  }
}

export class OpenPage implements AsyncDisposable {
  readonly page: Page
  readonly #origin: string
  /** What went wrong in it, as sentences. */
  readonly troubles: string[] = []

  constructor(page: Page, origin: string) {
    this.page = page
    this.#origin = origin
    page.setDefaultTimeout(60_000)
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        this.troubles.push(`console: ${message.text()} (${message.location().url})`)
    })
    page.on('pageerror', (error) => this.troubles.push(`exception: ${error.message}`))
    page.on('request', (request) => {
      // What the page made itself is fetched from nowhere.
      const isOwn = ['', 'blob:'].some((scheme) => request.url().startsWith(`${scheme}${origin}`))
      if (!isOwn && !request.url().startsWith('data:'))
        this.troubles.push(`request to elsewhere: ${request.url()}`)
    })
  }

  /** Goes to a view and waits until the master was heard. */
  async go(path: string): Promise<void> {
    await this.page.goto(`${this.#origin}/${path}`)
    await this.page.locator('nav .link.on').waitFor()
  }

  /** The text of the view, without the navigation. */
  text(): Promise<string> {
    return this.page.locator('main').innerText()
  }

  async picture(name: string): Promise<string> {
    mkdirSync(PICTURES, { recursive: true })
    const path = join(PICTURES, `${name.replaceAll(/[^a-z0-9-]+/gi, '-')}.png`)
    await this.page.screenshot({ path })
    return path
  }

  /** Does something with the page; when that fails a picture says how the page looked. */
  async use(name: string, work: (page: Page) => Promise<void>): Promise<void> {
    try {
      await work(this.page)
    } catch (error) {
      const path = await this.picture(name)
      throw new Error(`${error instanceof Error ? error.message : String(error)} (picture: ${path})`, {
        cause: error,
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close()
  }
}
