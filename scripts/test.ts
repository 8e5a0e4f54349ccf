/**
 * Runs vitest, keeps its findings in .tepui/tests.json, and ends with the one line `N passed, N failed`. Failed is also
 * a project whose folder exists but ran nothing, a skipped test, and a test file that could not be loaded. A test that
 * passed at its second try is named, with what the first failed of.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      /** Of a test that passed: what its first try failed of. */
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

/** On a machine that others use, one or two may need a second try; more are a fault of ours. */
const MOST_SECOND_TRIES = 3

const root = join(import.meta.dirname, '..')
const reportFile = join(root, '.tepui', 'tests.json')
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const options = process.argv.slice(2)

const exitCode = await runVitest()
const report = readReport()
const { passed, failures, secondTries } = judge(report)
for (const test of secondTries) process.stdout.write(`passed at a second try only: ${test}\n`)
if (secondTries.length > MOST_SECOND_TRIES)
  failures.push(`${secondTries.length} tests needed a second try; ${MOST_SECOND_TRIES} may`)
for (const failure of failures) process.stdout.write(`failed: ${failure}\n`)
// Vitest can also fail beside the tests: an unhandled rejection, a bad option. That is one failure more.
if (exitCode !== 0 && failures.length === 0) failures.push(`vitest ended with ${exitCode}`)
process.stdout.write(`${passed} passed, ${failures.length} failed\n`)
process.exitCode = failures.length === 0 && passed > 0 ? 0 : 1

function runVitest(): Promise<number> {
  mkdirSync(join(root, '.tepui'), { recursive: true })
  rmSync(reportFile, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`]
  const child = spawn(process.execPath, [vitest, 'run', '--passWithNoTests', ...reporters, ...options], {
    cwd: root,
    stdio: 'inherit',
  })
  // A terminal's Ctrl-C reaches vitest by itself; it closes its workers, and this process waits for that.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 1))
  })
}

function readReport(): Report {
  if (!existsSync(reportFile)) return { testResults: [] }
  return JSON.parse(readFileSync(reportFile, 'utf8')) as Report
}

interface Verdict {
  readonly passed: number
  readonly failures: string[]
  readonly secondTries: string[]
}

function judge(report: Report): Verdict {
  let passed = 0
  const failures: string[] = []
  const secondTries: string[] = []
  for (const file of report.testResults) {
    const name = relative(root, file.name)
    for (const test of file.assertionResults) {
      const [first] = test.failureMessages
      if (test.status === 'passed' && first !== undefined)
        secondTries.push(`${name}: ${test.fullName}: ${first.split('\n', 1)[0]}`)
      if (test.status === 'passed') passed += 1
      else failures.push(`${name}: ${test.fullName} (${test.status})`)
    }
    if (file.status !== 'passed' && file.assertionResults.length === 0)
      failures.push(`${name}: ${file.message}`)
  }
  for (const project of emptyProjects(report))
    failures.push(`test/${project}: the folder exists, but no test in it ran`)
  return { passed, failures, secondTries }
}

/** A whole run must have reached every folder of tests; a run that names a file or a pattern need not. */
function emptyProjects(report: Report): string[] {
  const isNarrowed = options.some(
    (option, index) => option !== '--project' && options[index - 1] !== '--project',
  )
  if (isNarrowed) return []
  const asked = options.filter((option) => option !== '--project')
  return asked.filter((project) => {
    const folder = join(root, 'test', project)
    return existsSync(folder) && !report.testResults.some((file) => file.name.startsWith(`${folder}/`))
  })
}
