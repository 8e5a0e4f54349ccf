/**
 * One request to the Docker Engine from a shell script: `engine-request.ts METHOD PATH [FILE]`, FILE being the body.
 * Prints the answer's body; exits 0 when the engine said yes, 1 when it said no, 2 when nothing answers, 3 when this
 * user may not ask. It stands beside dockerode because the scripts run before there are dependencies.
 */
import { createReadStream } from 'node:fs'
import { request } from 'node:http'
import { pipeline } from 'node:stream'

const [method = 'GET', path = '/_ping', file] = process.argv.slice(2)
const socketPath = process.env['TEPUI_ENGINE_SOCKET'] ?? '/var/run/docker.sock'

const headers = file === undefined ? {} : { 'content-type': 'application/x-tar' }
const asked = request({ socketPath, method, path, headers, timeout: 20_000 }, (answer) => {
  const refused = (answer.statusCode ?? 500) >= 400
  let refusedInStream = false
  answer.setEncoding('utf8')
  answer.on('data', (text: string) => {
    // An import answers 200 at once and tells of its failure in the stream of progress lines.
    refusedInStream ||= text.includes('"errorDetail"')
    process.stdout.write(text)
  })
  answer.on('end', () => {
    process.exitCode = refused || refusedInStream ? 1 : 0
  })
})
asked.on('timeout', () => asked.destroy(new Error(`no answer within 20 s from ${socketPath}`)))
asked.on('error', (error: NodeJS.ErrnoException) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = error.code === 'EACCES' ? 3 : 2
})
if (file === undefined) asked.end()
else pipeline(createReadStream(file), asked, (error) => error && asked.destroy(error))
