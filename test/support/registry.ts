// An image registry of a test's own on loopback, private: it wants the name and password of one user.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { engineRequest, TEST_IMAGE } from './engine.ts'
import { freePort } from './free-port.ts'

/** Installed, or unpacked by scripts/test.sh. */
const PROGRAMS = [
  '/usr/bin/docker-registry',
  join(import.meta.dirname, '../../.tepui/docker-registry/usr/bin/docker-registry'),
]
export const OWNER = { username: 'owner', password: 'right' }
/** What `htpasswd -Bbn owner right` said once. */
const PASSWORDS = 'owner:$2y$05$gYg4npx6pTcW/dVCBrbJAOHFiM6/XJww8Z6avhPX3wgp3qRHR1elC\n'
const SOCKET = '/var/run/docker.sock'

export class Registry implements AsyncDisposable {
  readonly address: string
  readonly #folder: string
  readonly #process: ChildProcess
  readonly #pushed: string[] = []

  private constructor(address: string, folder: string, process: ChildProcess) {
    this.address = address
    this.#folder = folder
    this.#process = process
  }

  static async start(): Promise<Registry> {
    const program = PROGRAMS.find((path) => existsSync(path))
    if (program === undefined) throw new Error('There is no docker-registry. Run the tests with `npm test`')
    const folder = mkdtempSync(join(tmpdir(), 'registry-'))
    const address = `127.0.0.1:${await freePort()}`
    writeFileSync(join(folder, 'htpasswd'), PASSWORDS)
    const settings = {
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(folder, 'data') } },
      http: { addr: address, secret: 'of a test' },
      auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } },
    }
    // JSON is YAML.
    writeFileSync(join(folder, 'config.yml'), JSON.stringify(settings))
    const child = spawn(program, ['serve', join(folder, 'config.yml')], { stdio: 'ignore' })
    await vi.waitFor(async () => expectStatus(await fetch(`http://${address}/v2/`), 401), {
      timeout: 60_000,
      interval: 100,
    })
    return new Registry(address, folder, child)
  }

  /** Puts the test image there under this name; the engine here has to pull it then. */
  async push(name: string): Promise<string> {
    const repository = `${this.address}/${name}`
    const at = `/images/${encodeURIComponent(repository)}`
    await engineRequest('POST', `/images/${TEST_IMAGE}/tag?repo=${encodeURIComponent(repository)}&tag=1`)
    const said = await pushRequest(`/images/${repository}/push?tag=1`)
    await engineRequest('DELETE', `${at}:1`)
    if (/"error"/.test(said) || !said.includes('digest'))
      throw new Error(`The registry took nothing: ${said}`)
    this.#pushed.push(repository)
    return `${repository}:1`
  }

  /** In the form of ~/.docker/config.json. */
  config(password: string): string {
    const auth = Buffer.from(`${OWNER.username}:${password}`).toString('base64')
    return JSON.stringify({ auths: { [this.address]: { auth } } })
  }

  /** Takes an image of this registry away from the engine. */
  async forget(reference: string): Promise<void> {
    await engineRequest('DELETE', `/images/${encodeURIComponent(reference)}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const repository of this.#pushed) await this.forget(`${repository}:1`)
    const gone = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await gone
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function expectStatus(response: Response, status: number): void {
  if (response.status !== status) throw new Error(`It answers ${response.status}, not ${status}`)
}

function pushRequest(path: string): Promise<string> {
  const auth = Buffer.from(JSON.stringify(OWNER)).toString('base64url')
  return new Promise((resolve, reject) => {
    const headers = { 'X-Registry-Auth': auth }
    const asked = request({ socketPath: SOCKET, method: 'POST', path, headers }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => (text += part))
      answer.on('end', () => resolve(text))
    })
    asked.on('error', reject)
    asked.end()
  })
}
