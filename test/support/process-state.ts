// Whether a process still runs, as the kernel sees it, and ends for those that do.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { vi } from 'vitest'

/** False for one that has ended and only waits to be buried. */
export function isAlive(pid: number): boolean {
  const path = `/proc/${pid}/status`
  return existsSync(path) && !/^State:\s+Z/m.test(readFileSync(path, 'utf8'))
}

/** Those whose command line has this text in it, but not the one that asks. */
export function processesNaming(text: string): readonly number[] {
  const names = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  return names.filter((name) => commandOf(name).includes(text)).map(Number)
}

/** Empty for one that has gone since it was listed. */
function commandOf(pid: string): string {
  const path = `/proc/${pid}/cmdline`
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

/** Resolves when it is gone. */
export async function endProcess(pid: number, signal: NodeJS.Signals): Promise<void> {
  if (!isAlive(pid)) return
  process.kill(pid, signal)
  await vi.waitFor(() => {
    if (isAlive(pid)) throw new Error(`Process ${pid} still runs after ${signal}`)
  }, 60_000)
}
