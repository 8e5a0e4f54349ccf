/**
 * Makes the package that npm installs: sources without types (Node strips none in node_modules), declarations of the
 * SDK, and a manifest that names them.
 *
 *     build.ts                 dist/ for this folder, and its package.json for packing: what `npm pack` does before
 *     build.ts --restore       the package.json of the repository again: what `npm pack` does after
 *     build.ts --into FOLDER   a whole package with all dependencies inside, to be packed: installs without a network
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { parseSync } from 'oxc-parser'

type Manifest = Record<string, unknown> & { readonly dependencies: Readonly<Record<string, string>> }

interface LockFile {
  readonly packages: Readonly<Record<string, Readonly<Record<'dev' | 'optional' | 'devOptional', boolean>>>>
}

const root = join(import.meta.dirname, '..')
/** What the manifest of the repository becomes while it is packed, and where its own text waits meanwhile. */
const manifestFile = join(root, 'package.json')
const keptManifest = join(root, '.package.json.kept')
/** What no program reads: the package is a quarter smaller without. */
const UNREAD =
  /(^|\/)(\.[^/]*|test|tests|__tests__|example|examples|docs?|benchmarks?|bench)$|\.(map|md|flow|coffee)$/i
const KEPT_WORDS = /^(licen[cs]e|notice|copying)/i

process.exitCode = main(process.argv.slice(2))

function main([word, folder]: readonly string[]): number {
  if (word === '--restore') {
    restore()
    return 0
  }
  if (word === '--into' && folder !== undefined) {
    makePackage(folder)
    return 0
  }
  if (word !== undefined) {
    process.stderr.write('build.ts: expected nothing, --restore or --into FOLDER\n')
    return 64
  }
  restore()
  buildPage()
  buildInto(join(root, 'dist'))
  copyFileSync(manifestFile, keptManifest)
  writeJson(manifestFile, packedManifest(readManifest()))
  return 0
}

/** A packing that was killed left its manifest behind. */
function restore(): void {
  if (!existsSync(keptManifest)) return
  copyFileSync(keptManifest, manifestFile)
  rmSync(keptManifest)
}

/** The SDK of the repository is its source, so that examples run there without a build. */
function packedManifest(manifest: Manifest): Manifest {
  const { scripts: _, devDependencies: __, private: ___, ...rest } = manifest
  return { ...rest, exports: { './sdk': { types: './dist/sdk/sdk.d.ts', default: './dist/sdk/sdk.js' } } }
}

/** The web page, into `ui/dist`. @throws when it cannot be built */
function buildPage(): void {
  const done = spawnSync(process.execPath, [join(root, 'scripts', 'page.ts')], { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`page.ts ended with ${done.status}: ${done.stdout}${done.stderr}`)
}

function buildInto(dist: string): void {
  rmSync(dist, { recursive: true, force: true })
  const source = join(root, 'src')
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const from = join(entry.parentPath, entry.name)
    const to = join(dist, from.slice(source.length))
    mkdirSync(dirname(to), { recursive: true })
    if (from.endsWith('.ts')) writeFileSync(to.replace(/\.ts$/, '.js'), plainScript(from))
    else copyFileSync(from, to)
  }
  declareSdk(dist)
}

/** Types become blanks, so that lines and columns in stack traces stay those of the source. */
function plainScript(file: string): string {
  return renameImports(stripTypeScriptTypes(readFileSync(file, 'utf8')), basename(file).replace(/ts$/, 'js'))
}

/** Imports of files of ours end in .js instead of .ts: those that are made out of text by nobody. */
function renameImports(text: string, name: string): string {
  const { module } = parseSync(name, text)
  const requests = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest),
    ...module.staticExports.flatMap(({ entries }) => entries.map(({ moduleRequest }) => moduleRequest)),
    ...module.dynamicImports.map(({ moduleRequest }) => moduleRequest),
  ]
  const ends = new Set(requests.flatMap((request) => (request == null ? [] : [request.end])))
  return [...ends]
    .toSorted((a, b) => b - a)
    .reduce((done, end) => {
      const quoted = /\.ts(?<quote>['"])$/.exec(done.slice(0, end))
      if (quoted === null) return done
      return `${done.slice(0, end - 4)}.js${quoted.groups?.['quote'] ?? ''}${done.slice(end)}`
    }, text)
}

/** Declarations of the SDK and of what it is made of. @throws when the compiler finds an error */
function declareSdk(dist: string): void {
  const options = ['--emitDeclarationOnly', '--declaration', '--noEmit', 'false', '--stripInternal']
  const config = join(dist, 'tsconfig.json')
  writeJson(config, {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      rootDir: join(root, 'src'),
      outDir: dist,
      typeRoots: [join(root, 'node_modules/@types')],
    },
    files: [join(root, 'src/sdk/sdk.ts')],
    include: [],
  })
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  // The compiler is a script as well: it shall find the Node that runs this one.
  const PATH = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`
  const done = spawnSync(tsc, ['--project', config, ...options], {
    encoding: 'utf8',
    env: { ...process.env, PATH },
  })
  rmSync(config)
  if (done.status !== 0) throw new Error(`tsc ended with ${done.status}: ${done.stdout}${done.stderr}`)
  for (const entry of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.d.ts')) continue
    const file = join(dist, entry)
    writeFileSync(file, renameImports(readFileSync(file, 'utf8'), entry))
  }
}

/** A package of its own that holds its dependencies, none of which runs a script when it is installed. */
function makePackage(folder: string): void {
  const manifest = readManifest()
  rmSync(folder, { recursive: true, force: true })
  buildPage()
  buildInto(join(folder, 'dist'))
  for (const name of manifest['files'] as readonly string[]) {
    if (name !== 'dist') cpSync(join(root, name), join(folder, name), { recursive: true })
  }
  for (const name of ['README.md', 'LICENSE']) copyFileSync(join(root, name), join(folder, name))
  const bundled = Object.keys(manifest.dependencies)
  writeJson(join(folder, 'package.json'), { ...packedManifest(manifest), bundleDependencies: bundled })
  for (const path of neededPackages()) copyPackage(join(root, path), join(folder, path))
}

/** Without the optional ones: native code that would be compiled, for connections that are never made (ssh). */
function neededPackages(): readonly string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as LockFile
  return Object.entries(lock.packages)
    .filter(([path, facts]) => path !== '' && !facts.dev && !facts.optional && !facts.devOptional)
    .map(([path]) => path)
}

function copyPackage(from: string, to: string): void {
  const isWanted = (path: string): boolean => {
    const inside = path.slice(from.length)
    if (inside.includes('/node_modules')) return false
    return inside === '' || KEPT_WORDS.test(basename(path)) || !UNREAD.test(inside)
  }
  cpSync(from, to, { recursive: true, filter: isWanted, dereference: true })
  const file = join(to, 'package.json')
  const { scripts: _, optionalDependencies: __, devDependencies: ___, ...rest } = readJson(file)
  writeJson(file, rest)
}

function readManifest(): Manifest {
  return readJson(existsSync(keptManifest) ? keptManifest : manifestFile) as Manifest
}

function readJson(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
}

function writeJson(file: string, value: unknown): void {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`)
}
