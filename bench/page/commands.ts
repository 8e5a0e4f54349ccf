// How long short commands take as whole processes in a full cluster, beside a Node that does nothing.
import { runCommand } from '../../src/base/exec.ts'
import { OperatingError } from '../../src/base/errors.ts'
import { type Figure, figure } from '../../src/base/figures.ts'
import type { BenchContext } from '../bench.ts'
import { PROGRAM } from '../launch/daemons.ts'
import { median, percentile } from '../statistics.ts'
import type { Crowd, CrowdSize } from './crowd.ts'

const TIMES = 11
/** The largest answer: all tasks as JSON. */
const MOST_BYTES = 64 * 1024 ** 2

export async function measureCommands(
  { clock, signal }: BenchContext,
  crowd: Crowd,
  { tasks }: CrowdSize,
): Promise<Figure[]> {
  const env = { TEPUI_MASTER: `127.0.0.1:${crowd.master.port}` }
  const once = async (file: string, words: readonly string[]): Promise<number> => {
    const began = clock.monotonic()
    const { exitCode, stderr } = await runCommand(file, words, { env, signal, maxOutputBytes: MOST_BYTES })
    if (exitCode !== 0)
      throw new OperatingError('REFUSED', `'${words.join(' ')}' ended with ${exitCode}: ${stderr}`)
    return clock.monotonic() - began
  }
  const bare: number[] = []
  const listed: number[] = []
  const completed: number[] = []
  // What is compiled for the first time is kept for the next.
  await once(PROGRAM, ['ps'])
  await once(PROGRAM, ['completion', 'words', 'logs', 'web 99'])
  for (let time = 0; time < TIMES; time++) {
    bare.push(await once(process.execPath, ['-e', '0']))
    await crowd.change()
    listed.push(await once(PROGRAM, ['ps']))
    completed.push(await once(PROGRAM, ['completion', 'words', 'logs', 'web 99']))
  }
  const of = `of ${tasks} tasks, whole process`
  return [
    figure(`tepui ps ${of}`, median(listed), 'ms', '<= 500'),
    figure(`tepui ps ${of}, slowest of ten`, percentile(listed, 0.9), 'ms'),
    figure(`completion of a name ${of}`, median(completed), 'ms'),
    figure('node -e 0, whole process', median(bare), 'ms'),
  ]
}
