/**
 * All checks that need no machine: `npm run check`. Each prints its findings and one line; the last line printed is
 * `N passed, N failed`. With --write the format is put right instead, and nothing else is checked.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

interface Check {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}

const root = join(import.meta.dirname, '..')
const tool = (name: string): string => join(root, 'node_modules', '.bin', name)
const shellScripts = ['bin/tepui', ...readdirSync(import.meta.dirname).flatMap((name) => shellScript(name))]

const checks: readonly Check[] = [
  {
    name: 'shell scripts can be parsed',
    command: 'sh',
    args: ['-c', 'for f; do sh -n "$f" || exit; done', 'sh', ...shellScripts],
  },
  { name: 'the format is biome’s', command: tool('biome'), args: ['format'] },
  { name: 'the types are right', command: tool('tsc'), args: ['--project', '.', '--noEmit'] },
  { name: 'the types of the page are right', command: tool('tsc'), args: ['--project', 'ui'] },
  { name: 'the linter finds nothing', command: tool('oxlint'), args: ['--type-aware', '--deny-warnings'] },
  {
    name: 'no file, export or dependency is unused',
    command: tool('knip'),
    args: ['--no-progress', '--no-config-hints'],
  },
  {
    name: 'the house rules and the documents hold',
    command: tool('vitest'),
    args: ['run', '--project', 'unit', 'test/tidy.test.ts', '--reporter=dot'],
  },
]

if (process.argv.includes('--write')) {
  process.exitCode = run({
    name: 'the format is biome’s',
    command: tool('biome'),
    args: ['format', '--write'],
  }).code
} else {
  const failed = checks.filter((check) => !holds(check)).length
  process.stdout.write(`${checks.length - failed} passed, ${failed} failed\n`)
  process.exitCode = failed === 0 ? 0 : 1
}

function shellScript(name: string): string[] {
  return name.endsWith('.sh') ? [join('scripts', name)] : []
}

function holds(check: Check): boolean {
  const { code, output, ms } = run(check)
  if (code !== 0) process.stdout.write(output)
  process.stdout.write(`${code === 0 ? 'ok    ' : 'failed'}  ${check.name} (${(ms / 1000).toFixed(1)} s)\n`)
  return code === 0
}

function run({ command, args }: Check): { code: number; output: string; ms: number } {
  const start = performance.now()
  const env = { ...process.env, PATH: `${join(process.execPath, '..')}:${process.env['PATH'] ?? ''}` }
  const done = spawnSync(command, args, { cwd: root, env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  const troubled = done.error === undefined ? '' : `${command} cannot be run: ${done.error.message}\n`
  return {
    code: done.status ?? 1,
    output: done.stdout + done.stderr + troubled,
    ms: performance.now() - start,
  }
}
