// `tepui init`: writes the files with which Tepui runs on several machines: systemd's, Compose's, Vagrant's.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { OperatingError } from '../../base/errors.ts'
import { runCommand } from '../../base/exec.ts'
import { usageError } from '../../base/flags.ts'
import { makeFolders } from '../../base/folders.ts'
import { TEPUI_VERSION } from '../../base/version.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { isSet, textOf } from '../option-values.ts'
import { isData, showData } from '../output.ts'

interface Plan {
  /** From the package's folder to the one that is written into. */
  readonly files: Readonly<Record<string, string>>
  /** Whether machines install from a package that lies beside the files. */
  readonly needsPackage: boolean
  /** What to type next. */
  readonly next: readonly string[]
}

const UNITS = 'packaging/systemd'

const PLANS: Readonly<Record<string, Plan>> = {
  systemd: {
    files: {
      [`${UNITS}/tepui.slice`]: 'tepui.slice',
      [`${UNITS}/tepui-master.service`]: 'tepui-master.service',
      [`${UNITS}/tepui-agent.service`]: 'tepui-agent.service',
    },
    needsPackage: false,
    next: [
      'cp tepui.slice tepui-*.service /etc/systemd/system/ && systemctl daemon-reload',
      'mkdir -p /etc/tepui && echo TEPUI_MASTER=HOST:5050 >/etc/tepui/agent.env',
      'systemctl enable --now tepui-agent   (on one machine also: tepui-master)',
    ],
  },
  compose: {
    files: { 'compose.yaml': 'compose.yaml', 'scripts/provision.sh': 'scripts/provision.sh' },
    needsPackage: true,
    next: ['docker compose up -d', 'tepui agents'],
  },
  vagrant: {
    files: { Vagrantfile: 'Vagrantfile', 'scripts/provision.sh': 'scripts/provision.sh' },
    needsPackage: true,
    next: ['vagrant up', 'tepui agents'],
  },
}

/** The clone or the package that runs: two folders above this one's. */
const ROOT = join(import.meta.dirname, '..', '..', '..')

export const initCommand: Command = {
  name: 'init',
  arguments: ['<kind>'],
  summary: 'Write the files for systemd, compose or vagrant',
  options: [
    { flags: '--into <dir>', help: 'Folder for them (default: this one)' },
    { flags: '--force', help: 'Replace files that are there and differ' },
  ],
  run: init,
}

async function init(context: Context, args: readonly string[], options: OptionValues): Promise<number> {
  const { common, screen } = context
  const kind = args[0] ?? ''
  const plan = Object.hasOwn(PLANS, kind) ? PLANS[kind] : undefined
  if (plan === undefined)
    throw usageError(`'${kind}' cannot be written`, `Known: ${Object.keys(PLANS).join(', ')}`)
  const folder = resolve(textOf(options, 'into') ?? '.')
  const texts = Object.entries(plan.files).map(([from, to]) => ({
    path: join(folder, to),
    text: textFor(from),
  }))
  const differing = texts.filter(({ path, text }) => existsSync(path) && readFileSync(path, 'utf8') !== text)
  if (differing.length > 0 && !isSet(options, 'force')) {
    const names = differing.map(({ path }) => path).join(', ')
    throw new OperatingError('FILE', `There already is ${names}, and it differs`, {
      hint: 'Move it away, name another folder with --into DIR, or replace it with --force',
    })
  }
  for (const { path, text } of texts) writeFile(path, text)
  const written = texts.map(({ path }) => path)
  if (plan.needsPackage) written.push(await writePackage(join(folder, '.tepui')))
  if (isData(common)) await showData(context, written)
  else for (const path of written) screen.print(path)
  for (const line of plan.next) screen.note(`Next: ${line}`)
  return EXIT.done
}

/** Units name the command where it lies. */
function textFor(from: string): string {
  const text = readFileSync(join(ROOT, from), 'utf8')
  return from.startsWith(UNITS) ? text.replaceAll('/usr/bin/tepui', join(ROOT, 'bin', 'tepui')) : text
}

function writeFile(path: string, text: string): void {
  try {
    makeFolders(dirname(path))
    writeFileSync(path, text)
  } catch (error) {
    throw new OperatingError('FILE', `Cannot write ${path}`, { cause: error })
  }
}

/** A clone packs itself with its script; a package holds all that it needs and is packed as it lies there. */
async function writePackage(folder: string): Promise<string> {
  makeFolders(folder)
  const file = join(folder, `tepui-${TEPUI_VERSION}.tgz`)
  const script = join(ROOT, 'scripts', 'package.sh')
  if (!existsSync(script) && !existsSync(join(ROOT, 'node_modules'))) {
    throw new OperatingError('FILE', `The package in ${ROOT} does not hold its dependencies`, {
      hint: 'Make one that does in a clone: npm run package',
    })
  }
  const [program, words] = existsSync(script)
    ? (['sh', [script, folder]] as const)
    : (['tar', ['-czf', file, '-C', dirname(ROOT), basename(ROOT)]] as const)
  const { exitCode, stderr } = await runCommand(program, words)
  if (exitCode === 0) return file
  throw new OperatingError(
    'FILE',
    `Cannot pack ${ROOT} into ${file}: ${stderr.trim().split('\n').at(-1) ?? ''}`,
  )
}
