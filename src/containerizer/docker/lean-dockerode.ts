/**
 * Loads dockerode without what it brings for engines that we never speak to: a gRPC stack for BuildKit's sessions and
 * an SSH client, ten times its own size and never called, that stay in memory for the life of the agent (7 MB of it).
 */
import Module, { createRequire } from 'node:module'
import type Dockerode from 'dockerode'

const require = createRequire(import.meta.url)
const fromDockerode = createRequire(require.resolve('dockerode'))
const fromModem = createRequire(fromDockerode.resolve('docker-modem'))

/** From now on requiring this gives a function that tells of our mistake. What is not there needs no leaving out. */
function leaveOut(from: NodeJS.Require, name: string): void {
  let path
  try {
    path = from.resolve(name)
  } catch {
    return
  }
  const absent = (): never => {
    throw new Error(`dockerode was loaded without '${name}': Tepui speaks to the engine's own socket only`)
  }
  require.cache[path] ??= Object.assign(new Module(path), { exports: absent, loaded: true })
}

leaveOut(fromDockerode, './session')
leaveOut(fromDockerode, 'tar-fs')
leaveOut(fromDockerode, '@balena/dockerignore')
leaveOut(fromModem, './ssh')

export default require('dockerode') as typeof Dockerode
