// A file of 1 GiB from a server on loopback, by curl and by the fetcher in turn, each in a process of its own.
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OperatingError } from '../../src/base/errors.ts'
import { runCommand } from '../../src/base/exec.ts'
import { type Figure, figure } from '../../src/base/figures.ts'
import type { BenchContext } from '../bench.ts'
import { median } from '../statistics.ts'
import { serveFiles } from './serving.ts'

const BYTES = 1024 ** 3
const ROUNDS = 5
const LOADER = fileURLToPath(new URL('loader.ts', import.meta.url))
const MEGABYTE = 1_000_000

export async function measureDownload(context: BenchContext): Promise<readonly Figure[]> {
  const { clock, say, signal } = context
  await using server = await serveFiles()
  const folder = mkdtempSync(join(tmpdir(), 'tepui-bench-'))
  try {
    const url = `${server.url}/${BYTES}/file`
    const curls: number[] = []
    const ours: { readonly ms: number; readonly addedBytes: number }[] = []
    say(`${ROUNDS} rounds of 1 GiB, by curl and by the fetcher`)
    // The first round finds cold code and a disk that has not made room yet.
    for (let round = 0; round <= ROUNDS; round++) {
      const begun = clock.monotonic()
      await must(folder, ['curl', '-q', '-s', '-S', '-f', '-o', join(folder, 'file'), url], signal)
      const curlMs = clock.monotonic() - begun
      emptied(folder)
      const own = JSON.parse(
        await must(folder, [process.execPath, LOADER, url, folder], signal),
      ) as (typeof ours)[0]
      emptied(folder)
      if (round === 0) continue
      curls.push(curlMs)
      ours.push(own)
    }
    const [curlMs, ownMs] = [median(curls), median(ours.map(({ ms }) => ms))]
    const ratios = curls.map((ms, round) => ms / (ours[round]?.ms ?? Number.NaN))
    return [
      figure('1 GiB by curl', BYTES / MEGABYTE / (curlMs / 1000), 'MB/s'),
      figure('1 GiB by the fetcher', BYTES / MEGABYTE / (ownMs / 1000), 'MB/s'),
      figure('speed of the fetcher over that of curl, median of rounds', median(ratios), 'ratio', '>= 0.8'),
      figure(
        'memory that the download adds, at most',
        Math.max(...ours.map(({ addedBytes }) => addedBytes)) / MEGABYTE,
        'MB',
        '<= 100',
      ),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The whole file must have come. */
function emptied(folder: string): void {
  const { size } = statSync(join(folder, 'file'))
  if (size !== BYTES) throw new OperatingError('FETCH', `${size} bytes came in place of ${BYTES}`)
  rmSync(folder, { recursive: true })
  mkdirSync(folder)
}

async function must(cwd: string, argv: readonly string[], signal: AbortSignal): Promise<string> {
  const [file = '', ...args] = argv
  const { exitCode, stderr, stdout } = await runCommand(file, args, { cwd, signal })
  signal.throwIfAborted()
  if (exitCode === 0) return stdout
  throw new OperatingError('LAUNCH', `${file} failed: ${stderr.trim()}`)
}
