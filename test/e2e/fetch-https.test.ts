// Files over https from a server that only its own house trusts, given to agents as users give such an authority.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { selfSigned } from '../support/certificate.ts'
import { Up } from '../support/cli.ts'

let folder: string
let file: string
let server: Server
let url: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-https-'))
  const own = selfSigned('localhost')
  file = join(folder, 'authority.pem')
  writeFileSync(file, own.cert)
  server = createServer(own, (_, response) => response.end('only for friends\n'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `https://localhost:${(server.address() as AddressInfo).port}/secret`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

test.each(['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'])(
  'an agent that was started with %s has the file',
  { timeout: 120_000 },
  async (variable) => {
    await using up = await Up.start(['--agents', '1'], { [variable]: file })
    const { code, stderr, stdout } = await up.tepui('run', '--uri', url, '--', 'cat', 'secret')
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: 'only for friends\n' })
    expect(stderr).toContain(`Fetched ${url}: 17 B, HTTP 200`)
  },
)

test('an agent that knows nothing of the authority says so, with the URI and the next step', {
  timeout: 120_000,
}, async () => {
  await using up = await Up.start(['--agents', '1'])
  const { code, stderr, stdout } = await up.tepui('run', '--uri', url, '--', 'cat', 'secret')
  expect([code === 0, stdout]).toEqual([false, ''])
  expect(stderr).toContain(`Cannot fetch '${url}': self-signed certificate`)
  expect(stderr).toContain('NODE_EXTRA_CA_CERTS=FILE')
})
