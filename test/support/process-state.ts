// Whether a process still runs, as the kernel sees it.
import { existsSync, readFileSync } from 'node:fs'

/** False for one that has ended and only waits to be buried. */
export function isAlive(pid: number): boolean {
  const path = `/proc/${pid}/status`
  return existsSync(path) && !/^State:\s+Z/m.test(readFileSync(path, 'utf8'))
}
