// Builds the page before tests that open it, once per process: the sources may be newer than what was built.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from './rules.ts'

let built: Promise<unknown> | undefined

export async function buildPage(): Promise<void> {
  built ??= promisify(execFile)(process.execPath, [join(ROOT, 'scripts', 'page.ts')], { cwd: ROOT })
  await built
}
