// Loaded into a daemon before its program (`node --import`): on SIGUSR2 its wall clock goes wrong by as many ms as the
// file of TEPUI_CLOCK_FILE says. Monotonic time and the kernel's own clock stay right, as after a jump of the real one.
import { existsSync, readFileSync } from 'node:fs'
import { systemClock } from '../../../src/base/clock.ts'

const file = process.env['TEPUI_CLOCK_FILE'] ?? ''
const now = systemClock.now.bind(systemClock)
const read = (): number => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0)

let wrongByMs = read()
Object.assign(systemClock, { now: () => now() + wrongByMs })
process.on('SIGUSR2', () => (wrongByMs = read()))
