// One download by the fetcher in a fresh process: `loader.ts URL SANDBOX` prints its time and the memory that it took.
import { systemClock } from '../../src/base/clock.ts'
import { Metrics } from '../../src/base/metrics.ts'
import { systemRandom } from '../../src/base/random.ts'
import { Fetcher } from '../../src/fetcher/fetcher.ts'

const KIB = 1024

const [value = '', sandbox = ''] = process.argv.slice(2)
const fetcher = new Fetcher(
  { clock: systemClock, random: systemRandom, metrics: new Metrics(), cache: undefined },
  {
    stallTimeoutMs: 60_000,
    maxBytes: 2 ** 40,
    frameworksHome: undefined,
    hadoopHome: undefined,
    environment: {},
  },
)
const before = process.memoryUsage.rss()
const begun = systemClock.monotonic()
const request = { containerId: 'bench', uris: [{ value }], sandbox, owner: undefined }
await fetcher.fetch(request, () => undefined, new AbortController().signal)
const ms = systemClock.monotonic() - begun
console.log(JSON.stringify({ ms, addedBytes: process.resourceUsage().maxRSS * KIB - before }))
