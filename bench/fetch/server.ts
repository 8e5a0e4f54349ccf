// A server of files of any size, in a process of its own: `/BYTES/name` is so many bytes. Ends with its standard input.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const PIECE = Buffer.alloc(1024 * 1024, 'what a task needs ')

const server = createServer((request, response) => {
  const bytes = Number(/^\/(\d+)\//.exec(request.url ?? '')?.[1] ?? 0)
  response.writeHead(200, { 'Content-Length': bytes })
  if (request.method === 'HEAD') {
    response.end()
    return
  }
  let left = bytes
  const send = (): void => {
    while (left > 0) {
      const piece = PIECE.subarray(0, left)
      left -= piece.length
      if (response.write(piece)) continue
      response.once('drain', send)
      return
    }
    response.end()
  }
  send()
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
process.stdin.resume().on('end', () => {
  server.closeAllConnections()
  server.close()
})
