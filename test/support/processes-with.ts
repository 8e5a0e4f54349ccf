// Processes of this machine by what stands in their arguments.
import { readdirSync, readFileSync } from 'node:fs'

/** Those whose arguments have this text, but for tests and commands of ours, which name it too. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
      const isOurs = line.includes('tepui.ts') || Number(name) === process.pid
      return line.includes(text) && !isOurs ? [Number(name)] : []
    } catch {
      // It ended while we looked.
      return []
    }
  })
}
