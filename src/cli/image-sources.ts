// Where `tepui image` takes root file systems from: an archive, a folder, this machine's busybox, Debian's packages.
import { createReadStream } from 'node:fs'
import { chmod, copyFile, mkdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { OperatingError } from '../base/errors.ts'
import { filterFile, runCommand } from '../base/exec.ts'
import type { Archive } from '../containerizer/docker/import.ts'

/** Debian's busybox-static is the one that needs no library; of a machine's own one that has to be seen. */
const BUSYBOXES = ['/bin/busybox', '/usr/bin/busybox', '/usr/local/bin/busybox']
const FOLDERS = [
  'bin',
  'dev',
  'etc',
  'home',
  'mnt',
  'proc',
  'root',
  'run',
  'sys',
  'tmp',
  'usr/bin',
  'usr/sbin',
]
const PASSWD = [
  'root:x:0:0:root:/root:/bin/sh',
  'daemon:x:1:1:daemon:/usr/sbin:/bin/false',
  'nobody:x:65534:65534:nobody:/tmp:/bin/false',
]
const GROUPS = ['root:x:0:', 'daemon:x:1:', 'nogroup:x:65534:']

/** An archive or a folder. @throws OperatingError FILE when it is neither */
export async function sourceAt(path: string, signal: AbortSignal): Promise<Archive> {
  const about = await stat(path).catch((error: unknown) => {
    throw new OperatingError('FILE', `Cannot read ${path}`, { cause: error })
  })
  if (about.isDirectory()) return folderArchive(path, signal)
  if (!about.isFile()) throw new OperatingError('FILE', `${path} is neither a file nor a folder`)
  // Stops at the first hit: an archive of `docker save` has this file, a root file system has not.
  const look = ['--list', '--file', path, '--occurrence=1', 'manifest.json']
  const saved = await runCommand('tar', look, { signal, env: { LC_ALL: 'C' } })
  if (/not look like a tar archive|Unrecognized archive format/.test(saved.stderr)) {
    throw new OperatingError('FILE', `${path} is not a tar archive`, {
      hint: 'Expected a tar (also .gz, .bz2, .xz) of a root file system, or a folder that is one',
    })
  }
  return { bytes: createReadStream(path), holds: saved.exitCode === 0 ? { saved: true } : 'files' }
}

/** Its files with their owners, as the kernel has them. */
export function folderArchive(folder: string, signal: AbortSignal): Archive {
  const words = ['--numeric-owner', '--one-file-system', '-C', resolve(folder), '-cf', '-', '.']
  return { bytes: filterFile('tar', words, { inputFile: '/dev/null', signal }), holds: 'files' }
}

/** Fills a folder with busybox and links to it. @throws OperatingError FILE when this machine has no static one */
export async function busyboxInto(
  folder: string,
  candidates: readonly string[] = BUSYBOXES,
): Promise<string> {
  const busybox = await staticOf(candidates)
  for (const name of FOLDERS) await mkdir(join(folder, name), { recursive: true })
  await copyFile(busybox, join(folder, 'bin/busybox'))
  await chmod(join(folder, 'bin/busybox'), 0o755)
  await chmod(join(folder, 'tmp'), 0o1777)
  await chmod(join(folder, 'root'), 0o700)
  const { stdout } = await runCommand(busybox, ['--list'])
  for (const name of stdout.trim().split('\n')) {
    if (name !== 'busybox') await symlink('busybox', join(folder, 'bin', name))
  }
  await writeFile(join(folder, 'etc/passwd'), `${PASSWD.join('\n')}\n`)
  await writeFile(join(folder, 'etc/group'), `${GROUPS.join('\n')}\n`)
  return busybox
}

async function staticOf(candidates: readonly string[]): Promise<string> {
  for (const path of candidates) {
    const found = await stat(path).then(
      (about) => about.isFile(),
      () => false,
    )
    // ldd calls a program without a loader "not a dynamic executable" and fails.
    if (found && (await runCommand('ldd', [path], { env: { LC_ALL: 'C' } })).exitCode !== 0) return path
  }
  throw new OperatingError(
    'FILE',
    `This machine has no static busybox (looked at ${candidates.join(', ')})`,
    {
      hint: 'apt-get install busybox-static',
    },
  )
}

export interface DebianWish {
  /** Such as bookworm; as mmdebstrap and the machine's package sources know it. */
  readonly suite: string
  /** Packages beside the smallest system. */
  readonly packages: readonly string[]
}

/** Writes a small Debian as a tar. @throws OperatingError FILE with mmdebstrap's words, or when it is not there */
export async function debianInto(
  file: string,
  { packages, suite }: DebianWish,
  signal: AbortSignal,
): Promise<void> {
  const include = packages.length === 0 ? [] : [`--include=${packages.join(',')}`]
  const words = ['--variant=minbase', '--format=tar', ...include, suite, file]
  const { exitCode, stderr } = await runCommand('mmdebstrap', words, { signal, group: true }).catch(
    (error: unknown) => {
      throw new OperatingError('FILE', 'mmdebstrap does not run on this machine', {
        cause: error,
        hint: 'apt-get install mmdebstrap, or --from busybox',
      })
    },
  )
  signal.throwIfAborted()
  if (exitCode === 0) return
  const said =
    stderr
      .trim()
      .split('\n')
      .filter((line) => line.startsWith('E: '))
      .at(-1) ?? `it ended with ${exitCode}`
  throw new OperatingError('FILE', `mmdebstrap made no ${suite}: ${said.slice(0, 500)}`)
}
