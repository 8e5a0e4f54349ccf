// What only other programs can bring: Hadoop's file systems and FTP, by a client that stands in, and by curl.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { OperatingError } from '../../../src/base/errors.ts'
import { ManualClock } from '../../support/clock.ts'
import { over, Rig } from '../../support/fetch-rig.ts'

/** A client like Hadoop's; `$calls` gets a line per call. */
function hadoopIn(folder: string, copy: string): string {
  const home = join(folder, 'hadoop-home')
  mkdirSync(join(home, 'bin'), { recursive: true })
  const program = join(home, 'bin/hadoop')
  const calls = join(folder, 'calls')
  writeFileSync(calls, '')
  chmodSync(calls, 0o666)
  const script = `#!/bin/sh
echo "$(id -un) $HADOOP_HOME $*" >>${calls}
case "$1 $2" in
  "version ") echo Hadoop 3 ;;
  "fs -du") echo 'WARN something'; echo "6  18  $3" ;;
  "fs -copyToLocal") ${copy} ;;
  *) exit 9 ;;
esac
`
  writeFileSync(program, script)
  chmodSync(program, 0o755)
  return home
}

const calls = (rig: Rig): string[] => readFileSync(join(rig.home, 'calls'), 'utf8').trim().split('\n')

const withHadoop = (copy: string, options: { clock?: ManualClock; cacheBytes?: number } = {}): Promise<Rig> =>
  Rig.open({ ...options, prepare: (home) => ({ hadoopHome: hadoopIn(home, copy) }) })

test.each(['hdfs://n:9000/a/x', 's3a://bucket/x', 'hftp://n/x', 'own+scheme://n/x'])(
  '%s comes by the Hadoop client, as the user of the task',
  async (value) => {
    await using rig = await withHadoop('echo here >"$4"')
    const owner = { name: 'nobody', uid: 65_534, gid: 65_534 }
    await rig.fetch([{ value }], { owner })
    expect(rig.read('x')).toBe('here\n')
    const home = join(rig.home, 'hadoop-home')
    expect(calls(rig)[0]).toBe(`nobody ${home} version`)
    expect(calls(rig)[1]).toContain(`nobody ${home} fs -copyToLocal ${value} ${rig.sandbox}/`)
  },
)

test('what the Hadoop client brings is cached: the second task needs no client', async () => {
  await using rig = await withHadoop('echo here. >"$4"', { cacheBytes: 1000 })
  for (const sandbox of [rig.sandbox, rig.newSandbox('other')]) {
    await rig.fetch([{ value: 'hdfs://n/x', cache: true }], { sandbox })
    expect(rig.read('x', sandbox)).toBe('here.\n')
  }
  expect(calls(rig).filter((call) => call.includes('-copyToLocal'))).toHaveLength(1)
})

test('the words of a Hadoop client that fails are told, and nothing is left', async () => {
  await using rig = await withHadoop('echo half >"$4"; echo "copyToLocal: No such file" >&2; exit 1')
  await expect(rig.fetch([{ value: 'hdfs://n/x' }])).rejects.toThrow(
    "Cannot fetch 'hdfs://n/x': the Hadoop client failed: copyToLocal: No such file (exit status 1)",
  )
  expect(rig.names).toEqual([])
})

test('a Hadoop client that does nothing is ended with all its children', async () => {
  const clock = new ManualClock()
  await using rig = await withHadoop(`sleep 1000 & echo $! >"$(dirname "$4")/../../pid"; wait`, { clock })
  const fetching = rig.fetch([{ value: 'hdfs://n/x' }])
  const pidFile = join(rig.home, 'pid')
  await expect.poll(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '').toBe(true)
  const pid = Number(readFileSync(pidFile, 'utf8'))
  expect(String(await over(clock, fetching))).toContain('no data came for 5secs')
  await expect.poll(() => stateOf(pid)).toBe('gone')
})

test('without a Hadoop client the error says what to install', async () => {
  await using rig = await Rig.open({ hadoopHome: '/nowhere' })
  const failed = (await rig
    .fetch([{ value: 'hdfs://n/x' }])
    .catch((error: unknown) => error)) as OperatingError
  expect(failed.message).toContain(
    "The scheme 'hdfs' needs a Hadoop client, and /nowhere/bin/hadoop does not run",
  )
  expect(failed.hint).toContain('--hadoop_home')
})

function stateOf(pid: number): string {
  try {
    // A zombie is gone as well: its parent has not looked yet.
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] === 'Z' ? 'gone' : 'there'
  } catch {
    // No such process.
    return 'gone'
  }
}

/** As much of RFC 959 and 2428 as curl asks for. */
async function ftpServer(
  files: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { url: string }> {
  const servers = new Set<Server>()
  const sockets = new Set<Socket>()
  const listen = async (onSocket: (socket: Socket) => void): Promise<number> => {
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      onSocket(socket)
    })
    servers.add(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }
  const port = await listen((socket) => {
    const say = (line: string): void => void socket.write(`${line}\r\n`)
    let data: Promise<Socket> = Promise.reject(new Error('no data connection'))
    data.catch((error: unknown) => error)
    say('220 here')
    socket.on('data', (bytes) => {
      for (const line of bytes.toString().trim().split('\r\n')) void answer(line)
    })
    const answer = async (line: string): Promise<void> => {
      const [verb = '', name = ''] = line.split(' ')
      const file = files[name]
      if (verb === 'USER') say('331 password')
      else if (verb === 'PASS') say('230 in')
      else if (verb === 'PWD') say('257 "/"')
      else if (verb === 'EPSV') {
        const connected = Promise.withResolvers<Socket>()
        data = connected.promise
        say(`229 (|||${await listen(connected.resolve)}|)`)
      } else if (verb === 'SIZE' && file !== undefined) say(`213 ${file.length}`)
      else if (verb === 'RETR' && file !== undefined) {
        say('150 comes')
        ;(await data).end(file)
        say('226 done')
      } else if (verb === 'RETR' || verb === 'SIZE') say('550 there is no such file')
      else if (verb === 'QUIT') say('221 bye')
      else say('200 fine')
    }
  })
  return {
    url: `ftp://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy()
      for (const server of servers) server.close()
      return Promise.resolve()
    },
  }
}

test('a file comes by FTP, and into the cache', async () => {
  await using server = await ftpServer({ x: 'by ftp' })
  await using rig = await Rig.open({ cacheBytes: 1000 })
  const progress: string[] = []
  await rig.fetch([{ value: `${server.url}/x` }], { progress })
  expect([rig.read('x'), progress.at(-1)]).toEqual(['by ftp', expect.stringContaining('6 B, FTP 226')])
  await rig.fetch([{ value: `${server.url}/x`, cache: true }])
  expect(rig.cached).toEqual(['c1-x'])
})

test('a file that is not on the FTP server is told with the answer', async () => {
  await using server = await ftpServer({})
  await using rig = await Rig.open()
  await expect(rig.fetch([{ value: `${server.url}/x` }])).rejects.toThrow(
    `Cannot fetch '${server.url}/x': the server answered 550: `,
  )
  expect(rig.names).toEqual([])
})
