// `tepui image`: images for this machine's Docker Engine without a registry, from a root file system.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { usageError } from '../../base/flags.ts'
import { type Archive, importImage } from '../../containerizer/docker/import.ts'
import { imageReference } from '../../containerizer/docker/reference.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { busyboxInto, debianInto, folderArchive, sourceAt } from '../image-sources.ts'
import { choiceOf, listOf, textOf } from '../option-values.ts'

const SOCKET = '/var/run/docker.sock'
/** Tasks give their own commands; this is for those that give none. */
const DEFAULT_COMMAND = '/bin/sh'

export const imageCommand: Command = {
  name: 'image',
  arguments: ['<action>', '<first>', '[second]'],
  summary: 'image import FILE|DIR NAME, image build NAME: an image for the engine here, without a registry',
  options: [
    { flags: '--from <what>', help: 'build: busybox (default) or debian, which mmdebstrap makes' },
    { flags: '--suite <name>', help: 'build --from debian: which one (default stable)' },
    { flags: '--include <package>', help: 'build --from debian: a package beside the smallest', many: true },
    {
      flags: '--cmd <program>',
      help: `What the image runs when a task says nothing (default ${DEFAULT_COMMAND})`,
    },
    { flags: '--docker-socket <path>', help: `The engine's socket (default ${SOCKET})` },
  ],
  run: async (context, [action = '', first = '', second], options) => {
    switch (action) {
      case 'import':
        if (second === undefined)
          throw usageError('The image has no name', 'tepui image import FILE|DIR NAME')
        referenceOf(second)
        return give(context, await sourceAt(first, context.signal), second, options)
      case 'build':
        if (second !== undefined)
          throw usageError(`'${second}' is one word too many`, 'tepui image build NAME')
        return build(context, first, options)
      default:
        throw usageError(
          `'image ${action}' is unknown`,
          'tepui image import FILE|DIR NAME or image build NAME',
        )
    }
  },
}

async function build(context: Context, name: string, options: OptionValues): Promise<number> {
  const { screen, signal } = context
  referenceOf(name)
  const from = choiceOf(options, 'from', ['busybox', 'debian']) ?? 'busybox'
  const packages = listOf(options, 'include')
  const suite = textOf(options, 'suite') ?? 'stable'
  if (from === 'busybox' && (packages.length > 0 || textOf(options, 'suite') !== undefined))
    throw usageError("Options '--suite' and '--include' are Debian's", 'Add --from debian')
  const folder = await mkdtemp(join(tmpdir(), 'tepui-image-'))
  try {
    if (from === 'busybox') {
      screen.note(`tepui: making ${name} of ${await busyboxInto(folder)}`)
      return await give(context, folderArchive(folder, signal), name, options)
    }
    const file = join(folder, 'root.tar')
    screen.note(`tepui: making ${name} of Debian ${suite}; this takes minutes`)
    await debianInto(file, { suite, packages }, signal)
    return await give(context, await sourceAt(file, signal), name, options)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function give(
  { common, screen, signal }: Context,
  archive: Archive,
  name: string,
  options: OptionValues,
): Promise<number> {
  const reference = referenceOf(name)
  const command = textOf(options, 'cmd') ?? DEFAULT_COMMAND
  const wish = { reference, changes: [`CMD ${JSON.stringify([command])}`] }
  const said = await importImage(textOf(options, 'dockerSocket') ?? SOCKET, archive, wish, signal)
  const isSaved = archive.holds !== 'files'
  if (common.output === 'json')
    screen.print(JSON.stringify(isSaved ? { loaded: said } : { reference, id: said }))
  else screen.print(isSaved ? said : `${reference} ${said}`)
  if (isSaved) screen.note(`tepui: ${name} was not used: saved images have their own names`)
  else screen.note(`Try: tepui run -i ${reference} -- echo hello`)
  return EXIT.done
}

/** With its tag. @throws OperatingError USAGE */
function referenceOf(name: string): string {
  const reference = imageReference(name)
  if (typeof reference === 'string' && !/@|^sha256:/.test(reference)) return reference
  throw usageError(
    `'${name}' cannot be the name of an image`,
    'Expected NAME[:TAG] in lower case, such as tools:1',
  )
}
