// Unpacks archives into a sandbox with the system's tar and unzip, after looking that nothing in them points outside.
import { basename } from 'node:path'
import { runCommand } from '../base/exec.ts'
import { OperatingError } from '../base/errors.ts'

/** Listings larger than this are refused: nobody ships so many names in earnest. */
const MAX_LISTING_BYTES = 64 * 1024 * 1024

/** Unpacks `archive` into `folder`. @throws OperatingError FETCH with the tool's own words */
export async function extractArchive(archive: string, folder: string, signal: AbortSignal): Promise<void> {
  if (archive.endsWith('.zip')) {
    checkNames(await tool('unzip', ['-Z1', archive], signal))
    await tool('unzip', ['-q', '-o', archive, '-d', folder], signal)
    return
  }
  await checkTar(archive, signal)
  await tool(
    'tar',
    ['--extract', '--no-same-owner', '--no-same-permissions', '--file', archive, '--directory', folder],
    signal,
  )
}

/** Unpacks `NAME.gz` beside itself as `NAME`. */
export async function gunzip(path: string, signal: AbortSignal): Promise<void> {
  await tool('gunzip', ['--force', '--keep', path], signal)
}

/** Every name inside, and every link, must stay inside; devices and pipes are refused. */
async function checkTar(archive: string, signal: AbortSignal): Promise<void> {
  const names = await tool(
    'tar',
    ['--list', '--absolute-names', '--quoting-style=escape', '--file', archive],
    signal,
  )
  checkNames(names)
  const details = await tool(
    'tar',
    ['--list', '--verbose', '--absolute-names', '--quoting-style=escape', '--file', archive],
    signal,
  )
  for (const line of details.split('\n')) {
    if (/^[bcp]/.test(line)) throw new OperatingError('FETCH', `the archive holds a device or pipe: ${line}`)
    if (!/^[lh]/.test(line)) continue
    const target = line.split(/ -> | link to /).at(-1) ?? ''
    if (target.startsWith('/') || leaves(target))
      throw new OperatingError('FETCH', `the archive links outside: ${line}`)
  }
}

function checkNames(listing: string): void {
  for (const name of listing.split('\n')) {
    if (name.startsWith('/') || leaves(name))
      throw new OperatingError('FETCH', `the archive names '${name}', which is outside`)
  }
}

function leaves(path: string): boolean {
  return path.split('/').includes('..')
}

async function tool(name: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const result = await runCommand(name, args, { signal, maxOutputBytes: MAX_LISTING_BYTES })
  signal.throwIfAborted()
  if (result.exitCode === 0) return result.stdout
  const words = result.stderr.trim().split('\n').slice(0, 3).join('; ')
  throw new OperatingError(
    'FETCH',
    `${basename(name)} failed: ${words === '' ? `exit status ${result.exitCode}` : words}`,
  )
}
