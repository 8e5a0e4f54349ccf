// Where files of sandboxes are asked for: at the agent, or at the master, which then is told whose they are.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { SandboxFile } from '../../../src/frameworks/sandbox-file.ts'
import { HttpClient } from '../../../src/http/client.ts'

test.each(['agent', 'master'])('a file is read through the %s alone', async (who) => {
  const asked: URL[] = []
  const server = createServer((req, res) => {
    asked.push(new URL(req.url ?? '', 'http://x'))
    res.end(JSON.stringify({ offset: 0, data: Buffer.from('hello\n').toString('base64') }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  using http = new HttpClient(systemClock)
  try {
    const { port } = server.address() as AddressInfo
    const from =
      who === 'agent' ? { ip: '127.0.0.1', port } : { master: `127.0.0.1:${port}`, agentId: 'M-S1' }
    const place = { from, frameworkId: 'F', executorId: 'E', run: 'latest' }
    const piece = await new SandboxFile(http, place, 'stdout').read(0, 10, new AbortController().signal)
    expect(piece?.toString()).toBe('hello\n')
    const [url] = asked
    expect([url?.pathname, url?.searchParams.get('path'), url?.searchParams.get('agent_id')]).toEqual([
      '/files/read',
      '/frameworks/F/executors/E/runs/latest/stdout',
      who === 'agent' ? null : 'M-S1',
    ])
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
