// A registry on loopback with one small image that the engine does not have, so that it has to be pulled.
import { createHash } from 'node:crypto'
import { createServer, request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { engineRequest, TEST_IMAGE } from './engine.ts'

export interface ImageServer extends AsyncDisposable {
  /** With a tag; `/busybox` is all that is in it. */
  readonly reference: string
  /** Times that somebody asked what the tag stands for; an engine keeps the rest of what it once read. */
  readonly asked: number
}

const DOCKER = 'application/vnd.docker'
const SOCKET = '/var/run/docker.sock'

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** The program of the test image, as the archive that the engine makes of it. */
async function programLayer(): Promise<Buffer> {
  const made = await engineRequest('POST', '/containers/create', { Image: TEST_IMAGE })
  const { Id } = JSON.parse(made.text) as { Id: string }
  try {
    return await new Promise((resolve, reject) => {
      const path = `/containers/${Id}/archive?path=/bin/busybox`
      const asked = request({ socketPath: SOCKET, path }, (answer) => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.on('end', () => resolve(Buffer.concat(parts)))
      })
      asked.on('error', reject)
      asked.end()
    })
  } finally {
    await engineRequest('DELETE', `/containers/${Id}?force=1`)
  }
}

/** @param name of the repository, and the label that makes the image another one than others */
export async function serveImage(name: string): Promise<ImageServer> {
  const tar = await programLayer()
  const layer = gzipSync(tar, { level: 1 })
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Labels: { name } },
      rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
    }),
  )
  const described = (mediaType: string, bytes: Buffer): object => ({
    mediaType: `${DOCKER}.${mediaType}`,
    size: bytes.length,
    digest: digestOf(bytes),
  })
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${DOCKER}.distribution.manifest.v2+json`,
      config: described('container.image.v1+json', config),
      layers: [described('image.rootfs.diff.tar.gzip', layer)],
    }),
  )
  const blobs = new Map([config, layer].map((bytes) => [digestOf(bytes), bytes]))
  let asks = 0
  const server = createServer((asked, answer) => {
    const last = (asked.url ?? '').split('/').at(-1) ?? ''
    const isManifest = /\/manifests\//.test(asked.url ?? '')
    if (isManifest && last === '1') asks += 1
    const bytes = isManifest ? manifest : asked.url === '/v2/' ? Buffer.from('{}') : blobs.get(last)
    if (bytes === undefined) {
      answer.writeHead(404).end()
      return
    }
    answer.writeHead(200, {
      'content-type': isManifest ? `${DOCKER}.distribution.manifest.v2+json` : 'application/octet-stream',
      'content-length': bytes.length,
      'docker-content-digest': digestOf(bytes),
    })
    answer.end(asked.method === 'HEAD' ? undefined : bytes)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const reference = `127.0.0.1:${port}/${name}:1`
  return {
    reference,
    get asked() {
      return asks
    },
    async [Symbol.asyncDispose]() {
      await engineRequest('DELETE', `/images/${encodeURIComponent(reference)}`)
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
