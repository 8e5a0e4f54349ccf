// Makes a folder with all that are above it, wherever somebody says that it is to be.
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * As `mkdir -p`, level by level: where the folder above is there and the kernel says that it is not, as below /proc,
 * Node's own recursive mkdir asks again for ever, and nothing ends it but SIGKILL.
 *
 * @throws what the kernel says, also when something that is no folder is there
 */
export function makeFolders(path: string, mode?: number): void {
  const missing: string[] = []
  let above = resolve(path)
  while (!existsSync(above)) {
    missing.unshift(above)
    above = dirname(above)
  }
  for (const folder of missing.length === 0 ? [above] : missing) {
    try {
      mkdirSync(folder, { mode })
    } catch (error) {
      // Another one may have made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(folder).isDirectory()) throw error
    }
  }
}
