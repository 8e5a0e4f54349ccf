// An agent in a process of its own, so that a test can kill it: says its port, and ends with its parent.
import { startAgent } from '../../src/agent/agent.ts'
import { AGENT_FLAGS, AGENT_FLAGS_NOT_YET } from '../../src/agent/flags.ts'
import { systemClock } from '../../src/base/clock.ts'
import { parseFlags } from '../../src/base/flags.ts'
import { silentLogger } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'

const flags = parseFlags(AGENT_FLAGS, process.argv.slice(2), {}, AGENT_FLAGS_NOT_YET)
const agent = await startAgent(flags, { clock: systemClock, random: systemRandom, log: silentLogger })
process.send?.({ port: agent.address.port })
process.once('disconnect', () => void agent[Symbol.asyncDispose]())
