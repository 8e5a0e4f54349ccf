// Plug-ins named by a flag: a built-in by its name, or anybody's ES module by its path.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { OperatingError } from './errors.ts'
import { parsePluginReference } from './options.ts'

type Factory<T> = (options: Readonly<Record<string, string>>) => T

/**
 * Makes what a flag such as `usage?headroom=0.2` or `./mine.ts?a=b` names. Undefined for `noop`.
 * @throws OperatingError USAGE for unknown names and options, PLUGIN for a module that cannot be loaded
 */
export async function loadPlugin<T>(
  kind: string,
  builtIn: Readonly<Record<string, Factory<T>>>,
  flag: string,
): Promise<T | undefined> {
  const { name, options } = parsePluginReference(flag)
  if (name === 'noop') return undefined
  const own = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined
  if (own !== undefined) return own(options)
  if (!/[/]|\.[cm]?[jt]s$/.test(name)) {
    throw new OperatingError('USAGE', `There is no ${kind} '${name}'`, {
      hint: `Built in: noop, ${Object.keys(builtIn).join(', ')}; or give the path of a module`,
    })
  }
  return (await importFactory<T>(kind, name))(options)
}

async function importFactory<T>(kind: string, path: string): Promise<Factory<T>> {
  let module: { readonly default?: unknown }
  try {
    module = (await import(pathToFileURL(resolve(path)).href)) as { readonly default?: unknown }
  } catch (error) {
    throw new OperatingError('PLUGIN', `Cannot load the ${kind} '${path}'`, { cause: error })
  }
  if (typeof module.default !== 'function') {
    throw new OperatingError('PLUGIN', `The module '${path}' has no default export that makes a ${kind}`)
  }
  return module.default as Factory<T>
}
