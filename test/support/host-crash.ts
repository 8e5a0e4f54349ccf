// An agent's life that a test ends with SIGKILL: starts host containers, says so, waits.
import { openHostBench } from './host.ts'

const folder = process.argv[2]
if (folder === undefined) throw new Error('needs a folder')
const bench = openHostBench({ folder })
await bench.launch('sleep 1000')
await bench.launch('setsid sh -c "sleep 1000 & sleep 1000" & wait', { revocable: true })
process.stdout.write('running\n')
process.stdin.resume()
