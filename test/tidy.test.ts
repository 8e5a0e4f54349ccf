// The house rules held against every committed file; each failure is a list of sentences that begin with file:line.
import { describe, expect, test } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }
import { ERROR_CODES } from '../src/base/errors.ts'
import { HOME_OF_PACKAGE, ROOT, rules } from './support/rules.ts'
import { readSources, sourceOf } from './support/sources.ts'

const sources = readSources(ROOT)
const textOf = (path: string): string => sources.find((source) => source.path === path)?.text ?? ''
const OLD = 'sla' + 've'

describe('in the repository', () => {
  test.each(Object.entries(rules))('%s', (_name, rule) => {
    report(sources.flatMap((source) => rule(source)))
  })

  test('every package that is needed to run has its one place', () => {
    expect(Object.keys(packageJson.dependencies).sort()).toEqual(Object.keys(HOME_OF_PACKAGE).sort())
  })

  test('every error code is explained in docs/reference/errors.md', () => {
    const path = 'docs/reference/errors.md'
    const missing = Object.keys(ERROR_CODES).filter((code) => !textOf(path).includes(`\`${code}\``))
    report(missing.map((code) => `${path}:1 does not explain \`${code}\` of src/base/errors.ts.`))
  })

  const pages = [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'LICENSE',
    'docs/compatibility.md',
  ]
  test.each(pages)('%s is there', (path) => {
    report(textOf(path).trim() === '' ? [`${path}:1 is missing or empty.`] : [])
  })

  test('ARCHITECTURE.md has at most 300 lines', () => {
    expect(textOf('ARCHITECTURE.md').split('\n').length).toBeLessThanOrEqual(300)
  })
})

/** Fails with the findings and nothing else: where in this file it failed helps nobody. */
function report(findings: readonly string[]): void {
  if (findings.length === 0) return
  const error = new Error(`\n${findings.join('\n')}`)
  delete error.stack
  throw error
}

/** One planted fault per way to break a rule: the file, its text, and what the finding must say. */
const PLANTED: readonly (readonly [path: string, text: string, finding: string])[] = [
  [
    'src/base/a.ts',
    "import { x } from '../wire/x.ts'",
    'src/base/a.ts:1 (base, floor 0) imports src/wire/x.ts',
  ],
  ['src/gc/a.ts', "export { x } from '../qos/x.ts'", 'same floor'],
  ['src/gc/a.ts', "type A = import('../qos/x.ts').A", 'same floor'],
  ['src/gc/a.ts', "const x = await import('../../test/x.ts')", 'outside src'],
  ['src/gc/a.ts', "import x from './b.js'", 'without .ts'],
  ['src/cellar/a.ts', '// A cellar.', 'on no floor'],
  ['src/agent/a.ts', "import Docker from 'dockerode'", 'only src/containerizer/docker/lean-dockerode.ts may'],
  ['src/agent/a.ts', "import type { Static } from 'typebox/value'", 'only src/wire/ may'],
  ['src/agent/a.ts', "import { test } from 'vitest'", 'imports vitest, which has no place'],
  ['ui/pages/a.tsx', "import uPlot from 'uplot'", 'only ui/charts/plot.tsx may'],
  ['ui/pages/a.tsx', "import { x } from '../../src/base/x.ts'", 'may import src/wire/page.ts alone'],
  ['src/agent/a.ts', "import _ from '@scope/name/deep'", 'imports @scope/name, which has no place'],
  ['src/agent/a.ts', '// x\n'.repeat(400), 'has 401 lines'],
  ['src/agent/a.ts', `// ${'x'.repeat(120)}`, '123 characters'],
  ['src/agent/a.ts', `const f = () => {${'\n'.repeat(70)}}`, 'a function of 71 lines'],
  ['src/agent/a.ts', 'const now = Date.now()', 'uses Date'],
  ['test/unit/a.test.ts', 'await new Promise((f) => setTimeout(f, 5))', 'uses setTimeout'],
  [
    'src/agent/a.ts',
    "import { setTimeout as sleep } from 'node:timers/promises'",
    'imports node:timers/promises',
  ],
  ['src/agent/a.ts', 'const t = process.hrtime.bigint()', 'uses hrtime'],
  ['src/agent/a.ts', 'const t = globalThis.setTimeout(f, 5)', 'uses setTimeout'],
  ['src/agent/a.ts', 'const x = Math.random()', 'uses Math.random'],
  ['src/agent/a.ts', "import { randomUUID } from 'node:crypto'", 'uses randomUUID'],
  ['src/agent/core/a.ts', "import { readFileSync } from 'node:fs'", 'a core is pure'],
  ['src/master/core/a.ts', 'async function f() {}', 'a core is synchronous'],
  ['src/agent/a.ts', 'export const x = 1', 'does not begin with a comment'],
  ['src/agent/utils.ts', '// Things.', 'a name that says nothing'],
  ['src/agent/agent.ts', "// The door.\nexport * from './core/a.ts'", "a folder's door is a real file"],
  ['src/agent/a.ts', 'try { f() } catch {}', 'swallows an error'],
  ['src/agent/a.ts', 'f().catch(() => {})', 'swallows an error'],
  ['src/agent/a.ts', `const ${OLD}Id = 1`, `names '${OLD}Id'`],
  ['src/agent/a.ts', `const x = { ${OLD}Id: 1 }`, `names '${OLD}Id'`],
  ['src/agent/a.ts', `// The ${OLD} is told.`, 'the old word'],
  ['docs/a.md', `Start a ${OLD}.`, 'the old word'],
  ['docs/a.md', `${'TO' + 'DO'}: write this`, 'do it, or make it an issue'],
  ['docs/a.md', 'docker pull ghcr' + '.io/a/b', 'no registry'],
  ['docs/a.md', 'cd /work' + '/main', 'on one machine only'],
  ['test/unit/a.test.ts', 'test' + ".skip('x', f)", 'a test runs'],
  ['test/unit/a.test.ts', 'describe' + ".each([1]).only('x', f)", 'a test runs'],
  ['docs/a.md', 'See [b](b.md).', 'docs/a.md:1 links to b.md, which does not exist'],
  ['docs/a.md', 'See [x](#nowhere).', 'no such heading'],
  ['docs/decisions/0001-x.md', '# Context', "no part 'choice'"],
  ['docs/decisions/x.md', '# Context', 'not named NNNN-title.md'],
]

describe('a planted fault is found', () => {
  test.each(PLANTED)('%s: %j', (path, text, finding) => {
    const source = sourceOf(path, `${text}\n`)
    expect(Object.values(rules).flatMap((rule) => rule(source))).toContainEqual(
      expect.stringContaining(finding),
    )
  })
})

/** What looks like a fault and is none. */
const SOUND: readonly (readonly [path: string, text: string])[] = [
  [
    'src/agent/a.ts',
    "// Uses lower floors.\nimport { x } from '../qos/x.ts'\nimport { y } from './core/y.ts'",
  ],
  [
    'src/agent/a.ts',
    `// Wire names keep \`${OLD}_id\`.\nexport const x = { ${OLD}_id: y.${OLD}_id, z: '/${OLD}(1)' }`,
  ],
  ['src/agent/a.ts', '// A field may have any name.\nexport const x = { Date: y.random, performance: 1 }'],
  ['src/agent/a.ts', '// Says why.\ntry { f() } catch { /* The file may be gone. */ }'],
  [
    'ui/pages/a.tsx',
    "// A view.\nimport type { AgentRow } from '../../src/wire/page.ts'\nexport const x = <b>{1}</b>",
  ],
  ['docs/a.md', `Start an agent. On the wire it is \`${OLD}\`; the package is docker.io.`],
  ['docs/a.md', 'See [this page](#), [that site](https://example.test/x) and `[x](y)`.'],
]

test.each(SOUND)('%s: %j is left alone', (path, text) => {
  expect(Object.values(rules).flatMap((rule) => rule(sourceOf(path, `${text}\n`)))).toEqual([])
})
