// The house rules (design.md 3, style.md 3 and 4), each a function from a file to what is wrong in it, in sentences.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { lineAt, nameOf, type Node, type Source, visit } from './sources.ts'

/** Each finding is a sentence that begins with file:line. */
export type Rule = (source: Source) => string[]

export const ROOT = join(import.meta.dirname, '..', '..')

const FLOORS: readonly (readonly string[])[] = [
  ['base'],
  ['wire'],
  ['resources'],
  ['http', 'store', 'election', 'auth'],
  ['allocator', 'containerizer', 'fetcher', 'gc', 'estimator', 'qos', 'sdk'],
  ['master', 'agent', 'frameworks', 'replay'],
  ['cli'],
]

/** Where each package of others may be imported: one file, or for typebox the floor of the messages. */
export const HOME_OF_PACKAGE: Readonly<Record<string, string>> = {
  commander: 'src/cli/tepui.ts',
  dockerode: 'src/containerizer/docker/lean-dockerode.ts',
  execa: 'src/base/exec.ts',
  got: 'src/fetcher/download.ts',
  'node-cron': 'src/gc/schedule.ts',
  pidusage: 'src/containerizer/process-usage.ts',
  pino: 'src/base/log.ts',
  'prom-client': 'src/http/prometheus.ts',
  sirv: 'src/http/static-files.ts',
  systeminformation: 'src/agent/hardware.ts',
  typebox: 'src/wire/',
  yaml: 'src/cli/yaml.ts',
}

/** The same for packages that only the page and the tests of it are made with. */
const HOME_OF_TOOL: Readonly<Record<string, string>> = {
  'playwright-core': 'test/support/browser.ts',
  uplot: 'ui/charts/plot.tsx',
}
/** All that the page shares with the daemons. */
const SHARED_WITH_PAGE = 'src/wire/page.ts'

const CLOCK_HOME = 'src/base/clock.ts'
const RANDOM_HOME = 'src/base/random.ts'
const TIMERS = new Set(['Date', 'setTimeout', 'setInterval', 'performance'])
const CHANCE = new Set(['randomUUID', 'randomBytes', 'randomInt', 'getRandomValues', 'randomFillSync'])
const PURE_BUILTINS = new Set(['node:assert', 'node:buffer', 'node:util', 'node:crypto'])
// Put together from halves, so that this file does not break its own rule.
const LATER = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|')})\\b`)
const OLD_WORD = new RegExp('sla' + 've', 'i')
const MACHINE_PATH = new RegExp(
  `(?<![\\w.~-])/(${['work/(main|shared|\\.)', 'tmp/' + 'team', 'home/\\w+/'].join('|')})`,
)
const HOSTS = [
  'npmjs\\.',
  'docker\\.io/',
  'ghcr\\.io',
  'quay\\.io',
  '\\bgcr\\.io',
  'deb\\.debian',
  'archive\\.ubuntu',
]
const REGISTRY = new RegExp(HOSTS.join('|'))
const SKIPPED = /\b(test|it|describe|suite)(\.\w+(\([^)]*\))?)*\.(skip|only|todo|skipIf|runIf|fails)\b/
const VAGUE_NAME = /(^|\/)(utils?|helpers?|managers?|types|common|misc|index)(\.ts$|\/)/

const at = (source: Source, offset: number, words: string): string =>
  `${source.path}:${lineAt(source, offset)} ${words}`
const isOf = (source: Source, ...folders: string[]): boolean =>
  folders.some((name) => source.path.startsWith(`${name}/`))
const isCode = (source: Source): boolean => source.tree !== undefined
/** True for what lies in the folder, and for its tests. */
const isMirrored = (path: string, folder: string): boolean =>
  path.replace(/^test\/unit\//, 'src/').startsWith(folder)
const folderOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1]
const floorOf = (folder: string): number => FLOORS.findIndex((floor) => floor.includes(folder))

/** One finding per line that matches. */
function linesThat(source: Source, pattern: RegExp, words: string): string[] {
  return source.lines.flatMap((line, index) => {
    const found = pattern.exec(line)
    return found === null ? [] : [`${source.path}:${index + 1} has '${found[0]}': ${words}`]
  })
}

/** One finding per node for which `judge` gives words. */
function nodesThat(
  source: Source,
  judge: (node: Node, above: readonly Node[]) => string | undefined,
): string[] {
  const findings: string[] = []
  if (source.tree === undefined) return findings
  visit(source.tree.program, (node, above) => {
    const words = judge(node, above)
    if (words !== undefined) findings.push(at(source, node.start, words))
  })
  return findings
}

/** True for the name in `globalThis.name`. */
function isGlobal(node: Node, above: readonly Node[]): boolean {
  const parent = above.at(-1)
  const object = parent?.['object'] as Node | undefined
  return parent?.['property'] === node && nameOf(object) === 'globalThis'
}

/** True for a name that stands for a variable, false for `x.name` and `{ name: … }`. */
function isVariable(node: Node, above: readonly Node[]): boolean {
  const parent = above.at(-1)
  if (node.type !== 'Identifier' || parent === undefined) return false
  const isField = parent['property'] === node || parent['key'] === node
  return !isField || parent['computed'] === true || parent['shorthand'] === true
}

export const rules: Readonly<Record<string, Rule>> = {
  'imports go down the floors, and folders on one floor do not know each other': (source) => {
    const mine = folderOf(source.path)
    if (!isOf(source, 'src')) return []
    if (mine === undefined || floorOf(mine) < 0) return [`${source.path}:1 is on no floor of design.md 3.`]
    return (source.tree?.imports ?? []).flatMap(({ from, start }) => {
      if (!from.startsWith('.')) return []
      const target = normalize(join(dirname(source.path), from))
      if (from.startsWith('.') && !from.endsWith('.ts'))
        return [at(source, start, `imports '${from}' without .ts.`)]
      const theirs = folderOf(target)
      if (theirs === undefined) return [at(source, start, `imports ${target}, which lies outside src.`)]
      if (theirs === mine || floorOf(theirs) < floorOf(mine)) return []
      const how =
        floorOf(theirs) === floorOf(mine) ? 'on the same floor: have it handed in' : 'on a higher floor'
      return [at(source, start, `(${mine}, floor ${floorOf(mine)}) imports ${target}, which is ${how}.`)]
    })
  },

  'the page knows of the daemons only what they tell it': (source) =>
    isOf(source, 'ui')
      ? (source.tree?.imports ?? []).flatMap(({ from, start }) => {
          const target = normalize(join(dirname(source.path), from))
          if (!from.startsWith('.') || target.startsWith('ui/') || target === SHARED_WITH_PAGE) return []
          return [
            at(source, start, `imports ${target}; of ours the page may import ${SHARED_WITH_PAGE} alone.`),
          ]
        })
      : [],

  'each package of others is imported in one place': (source) =>
    (source.tree?.imports ?? []).flatMap(({ from, start }) => {
      if (from.startsWith('.') || from.startsWith('node:')) return []
      const name = from.split('/', from.startsWith('@') ? 2 : 1).join('/')
      const home = HOME_OF_PACKAGE[name] ?? HOME_OF_TOOL[name]
      if (home !== undefined) {
        const isHome = home.endsWith('/') ? isMirrored(source.path, home) : source.path === home
        return isHome ? [] : [at(source, start, `imports ${name}, which only ${home} may.`)]
      }
      // Examples import this package as its users do.
      if (!isOf(source, 'src') && (name === packageJson.name || name in packageJson.devDependencies))
        return []
      return [
        at(source, start, `imports ${name}, which has no place in HOME_OF_PACKAGE (test/support/rules.ts).`),
      ]
    }),

  'a file has at most 400 lines, a line 120 characters, a function 70 lines': (source) => {
    if (!isCode(source)) return []
    const findings: string[] = []
    const count = source.lines.length - 1
    if (count > 400)
      findings.push(`${source.path}:400 has ${count} lines; 400 are the limit, 300 are wanted.`)
    source.lines.forEach((line, index) => {
      if (line.length > 120)
        findings.push(`${source.path}:${index + 1} is ${line.length} characters long; 120 are the limit.`)
    })
    return [...findings, ...nodesThat(source, (node, above) => longFunction(source, node, above))]
  },

  'time is told only by base/clock': (source) => {
    if (!isOf(source, 'src', 'test', 'examples') || source.path === CLOCK_HOME) return []
    const modules = (source.tree?.imports ?? [])
      .filter(({ from }) => /^node:(timers|perf_hooks)/.test(from))
      .map(({ from, start }) => at(source, start, `imports ${from}: ask a Clock (${CLOCK_HOME}).`))
    const names = nodesThat(source, (node, above) => {
      const name = nameOf(node)
      const isTimer = TIMERS.has(name) && (isVariable(node, above) || isGlobal(node, above))
      const isHrtime = node.type === 'Identifier' && name === 'hrtime'
      return isTimer || isHrtime ? `uses ${name}: ask a Clock (${CLOCK_HOME}).` : undefined
    })
    return [...modules, ...names]
  },

  'chance comes only from base/random': (source) => {
    if (!isOf(source, 'src', 'test', 'examples') || source.path === RANDOM_HOME) return []
    return nodesThat(source, (node, above) => {
      if (node.type !== 'Identifier') return undefined
      const parent = above.at(-1)
      const object = parent?.['object'] as Node | undefined
      const isMathRandom =
        node['name'] === 'random' && parent?.['property'] === node && nameOf(object) === 'Math'
      if (!isMathRandom && !CHANCE.has(nameOf(node))) return undefined
      return `uses ${isMathRandom ? 'Math.random' : nameOf(node)}: have a Random handed in (${RANDOM_HOME}).`
    })
  },

  'a core decides in one turn: no await, no promise, no input or output': (source) => {
    if (!/^src\/(\w+\/core|resources|allocator)\//.test(source.path)) return []
    const modules = (source.tree?.imports ?? [])
      .filter(({ from }) => from.startsWith('node:') && !PURE_BUILTINS.has(from))
      .map(({ from, start }) => at(source, start, `imports ${from}, but a core is pure (design.md 3).`))
    const waits = nodesThat(source, (node) =>
      node.type === 'AwaitExpression' || node['async'] === true
        ? 'waits, but a core is synchronous.'
        : undefined,
    )
    return [...modules, ...waits]
  },

  'a file begins with a sentence that says what it is for': (source) =>
    !isCode(source) || /^(#!.*\n)?(\/\/ ?\S|\/\*\*?\s)/.test(source.text)
      ? []
      : [`${source.path}:1 does not begin with a comment that says what the file is for.`],

  'a file has a telling name and is no barrel': (source) => {
    if (!isCode(source)) return []
    const vague = VAGUE_NAME.test(source.path)
      ? [`${source.path}:1 has a name that says nothing; name it after its subject.`]
      : []
    const body = (source.tree?.program['body'] ?? []) as readonly Node[]
    const isBarrel =
      body.length > 0 && body.every((node) => node.type.startsWith('Export') && node['source'] != null)
    return isBarrel
      ? [...vague, `${source.path}:1 only exports what others declare; a folder's door is a real file.`]
      : vague
  },

  'an error is not swallowed': (source) =>
    nodesThat(source, (node) => {
      const handler = handlerOf(node)
      if (handler === undefined) return undefined
      const body = source.text.slice(handler.start, handler.end)
      const isEmpty = /^(\{\s*\}|undefined|null|void 0)$/.test(body)
      return isEmpty ? 'swallows an error: handle it, or say in a comment why it does not matter.' : undefined
    }),

  'we say agent; the old word stands only in names of the wire': (source) => {
    const words = 'says the old word for an agent outside a wire name.'
    if (source.path.endsWith('.md')) return oldWordInProse(source, words)
    const comments = (source.tree?.comments ?? [])
      .filter(({ value }) => OLD_WORD.test(value.replaceAll(/[`'"][^`'"]*[`'"]/g, '')))
      .map(({ start }) => at(source, start, words))
    const names = nodesThat(source, (node, above) => {
      const name = nameOf(node)
      if (node.type !== 'Identifier' || !OLD_WORD.test(name)) return undefined
      const isWireName = /^([a-z0-9_]+|[A-Z0-9_]+)$/.test(name) && !isVariable(node, above)
      return isWireName ? undefined : `names '${name}': ${words}`
    })
    return isOf(source, 'src', 'bench', 'examples', 'scripts') ? [...comments, ...names] : []
  },

  'nothing is put off': (source) => linesThat(source, LATER, 'do it, or make it an issue of the tracker.'),

  'no registry and no folder of one machine is named': (source) => [
    ...linesThat(source, REGISTRY, 'no registry is named in what we commit.'),
    ...linesThat(source, MACHINE_PATH, 'that folder exists on one machine only.'),
  ],

  'no test is skipped': (source) =>
    isOf(source, 'test') && source.path !== 'test/tidy.test.ts'
      ? linesThat(source, SKIPPED, 'a test runs, or it is not there.')
      : [],

  'every link of a document leads somewhere': (source) =>
    source.path.endsWith('.md') ? deadLinks(source) : [],

  'a decision record says context, options, choice and what would change our mind': (source) =>
    /^docs\/decisions\/\d{4}-[a-z0-9-]+\.md$/.test(source.path)
      ? ['context', 'options', 'choice', 'what would change our mind']
          .filter((part) => !new RegExp(`^#+ .*${part}|\\*\\*${part}`, 'im').test(source.text))
          .map((part) => `${source.path}:1 has no part '${part}'.`)
      : source.path.startsWith('docs/decisions/') && !source.path.endsWith('README.md')
        ? [`${source.path}:1 is not named NNNN-title.md.`]
        : [],
}

/** The body of `catch { … }` and of `.catch(() => …)`. */
function handlerOf(node: Node): Node | undefined {
  if (node.type === 'CatchClause') return node['body'] as Node
  if (node.type !== 'CallExpression') return undefined
  const property = (node['callee'] as Node)['property'] as Node | undefined
  const [handler] = node['arguments'] as readonly Node[]
  const isFunction = handler?.type.endsWith('FunctionExpression') ?? false
  return nameOf(property) === 'catch' && isFunction ? (handler?.['body'] as Node) : undefined
}

function longFunction(source: Source, node: Node, above: readonly Node[]): string | undefined {
  if (!/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)) return undefined
  const call = above.at(-1)
  const callee = call?.type === 'CallExpression' ? (call['callee'] as Node) : undefined
  // A `describe` is a heading over tests, not a function that somebody reads in one go.
  if (callee !== undefined && source.text.slice(callee.start, callee.end).startsWith('describe'))
    return undefined
  const count = lineAt(source, node.end) - lineAt(source, node.start) + 1
  return count > 70 ? `is a function of ${count} lines; 70 are the limit.` : undefined
}

/** The prose of a document, line by line: fenced blocks and `code` blanked out. */
function proseOf(source: Source): string[] {
  let isFenced = false
  return source.lines.map((line) => {
    const isFence = /^\s*(```|~~~)/.test(line)
    if (isFence) isFenced = !isFenced
    return isFenced || isFence ? '' : line.replaceAll(/`[^`]*`/g, '``')
  })
}

function oldWordInProse(source: Source, words: string): string[] {
  return proseOf(source).flatMap((line, index) =>
    OLD_WORD.test(line) ? [`${source.path}:${index + 1} ${words}`] : [],
  )
}

function deadLinks(source: Source): string[] {
  return proseOf(source).flatMap((line, index) =>
    [...line.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].flatMap((found) => {
      const link = found[1] ?? found[2] ?? ''
      if (/^[a-z]+:/.test(link)) return []
      const [path = '', anchor = ''] = link.split('#')
      const target = path === '' ? source.path : normalize(join(dirname(source.path), path))
      const where = `${source.path}:${index + 1} links to ${link}`
      if (path !== '' && !existsSync(join(ROOT, target))) return [`${where}, which does not exist.`]
      if (anchor === '' || !target.endsWith('.md')) return []
      const text = path === '' ? source.text : readFileSync(join(ROOT, target), 'utf8')
      return anchorsOf(text).has(anchor) ? [] : [`${where}, but ${target} has no such heading.`]
    }),
  )
}

/** The headings of a document as links name them. */
function anchorsOf(text: string): Set<string> {
  const headings = text.match(/^#+ .*$/gm) ?? []
  return new Set(
    headings.map((heading) =>
      heading
        .replace(/^#+ /, '')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}
