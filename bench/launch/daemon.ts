/**
 * A master or an agent as a process of its own: `daemon.ts master|agent FLAG…`. Says its port as one line of JSON on
 * standard output and ends, tidily, when standard input does, so that nothing outlives the bench that started it.
 */
import { systemClock } from '../../src/base/clock.ts'
import { reasonOf, type OperatingError } from '../../src/base/errors.ts'
import { parseFlags } from '../../src/base/flags.ts'
import { createLogger } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'

interface Daemon extends AsyncDisposable {
  readonly address: { readonly port: number }
}

const [kind = '', ...flags] = process.argv.slice(2)
const deps = {
  clock: systemClock,
  random: systemRandom,
  log: createLogger({ level: 'warn', name: `bench-${kind}` }),
}

// Each process loads its own half only, as the commands do: what an agent weighs must not include a master.
async function master(): Promise<void> {
  const { MASTER_FLAGS } = await import('../../src/master/flags.ts')
  const { startMaster } = await import('../../src/master/master.ts')
  await using started = await startMaster(parseFlags(MASTER_FLAGS, flags, {}), deps)
  tell(started)
  await inputEnded()
}

async function agent(): Promise<OperatingError | undefined> {
  const { AGENT_FLAGS } = await import('../../src/agent/flags.ts')
  const { startAgent } = await import('../../src/agent/agent.ts')
  await using started = await startAgent(parseFlags(AGENT_FLAGS, flags, {}), deps)
  tell(started)
  void inputEnded().then(() => started.shutdown('the bench is over'))
  return await started.ended
}

function tell({ address }: Daemon): void {
  process.stdout.write(`${JSON.stringify({ port: address.port })}\n`)
}

/** Resolves when whoever started us closes our standard input, also by dying. */
function inputEnded(): Promise<void> {
  return new Promise((resolve) => {
    process.stdin
      .on('end', () => resolve())
      .on('error', () => resolve())
      .resume()
  })
}

// Ctrl-C reaches the whole group of processes; the bench alone decides in which order things end.
process.on('SIGINT', () => undefined)
try {
  const trouble = kind === 'agent' ? await agent() : await master()
  if (trouble !== undefined) throw trouble
} catch (error) {
  process.stderr.write(`${kind}: ${reasonOf(error)}\n`)
  process.exitCode = 1
}
