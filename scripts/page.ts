/**
 * Builds the web page (`ui/`) into `ui/dist`, which the master serves and the package carries. It is built beside its
 * place and moved there whole, so that nobody is served half of it.
 */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'vite'

const folder = join(import.meta.dirname, '..', 'ui')
const made = join(folder, `dist.new.${process.pid}`)
const place = join(folder, 'dist')
const old = join(folder, `dist.old.${process.pid}`)

try {
  await build({ configFile: join(folder, 'vite.config.ts'), build: { outDir: made } })
  if (existsSync(place)) renameSync(place, old)
  renameSync(made, place)
} finally {
  for (const rest of [made, old]) rmSync(rest, { recursive: true, force: true })
}
