// Volumes of a container: paths of the host, of the sandbox, and of volume drivers (spec/mesos.md 7.3).
import { posix } from 'node:path'
import { type Rejection, rejection } from '../../base/errors.ts'
import type { ContainerInfo } from '../../wire/containers.ts'
import type { Volume } from '../../wire/volumes.ts'
import { type CreateBody, append } from './body.ts'

export interface VolumePaths {
  /** Absolute path of the sandbox on the host. */
  readonly sandbox: string
  /** Where the sandbox is mounted inside (`--sandbox_directory`). */
  readonly mappedSandbox: string
}

const VOLUMES_MAX = 256

/** Adds the sandbox and all volumes. `notes` collects what Mesos leaves out for Docker containers, as it does. */
export function applyVolumes(
  body: CreateBody,
  info: ContainerInfo,
  paths: VolumePaths,
  notes: string[],
): Rejection | undefined {
  const volumes = info.volumes ?? []
  if (volumes.length > VOLUMES_MAX)
    return rejection(`container.volumes: ${volumes.length} are more than ${VOLUMES_MAX}`)
  // A mount instead of a bind: it takes any character in the path, and must exist, as it does.
  append(body.HostConfig, 'Mounts', { Type: 'bind', Source: paths.sandbox, Target: paths.mappedSandbox })
  if (info.docker?.volume_driver !== undefined) body.HostConfig.VolumeDriver = info.docker.volume_driver
  for (const [index, volume] of volumes.entries()) {
    const problem = applyVolume(body, volume, `container.volumes[${index}]`, paths, notes)
    if (problem !== undefined) return rejection(problem)
  }
  return undefined
}

function applyVolume(
  body: CreateBody,
  volume: Volume,
  where: string,
  paths: VolumePaths,
  notes: string[],
): string | undefined {
  if (volume.container_path === '') return `${where}.container_path: expected a path, got nothing`
  const target = insideContainer(volume.container_path, paths.mappedSandbox)
  if (target === undefined)
    return `${where}.container_path: '${volume.container_path}' leads out of the sandbox`
  const mode = volume.mode === 'RO' ? 'ro' : 'rw'
  const source = volume.source
  if (volume.host_path !== undefined) {
    return bindHostPath(body, volume.host_path, { target, mode, where: `${where}.host_path` }, volume, paths)
  }
  switch (source?.type) {
    case 'DOCKER_VOLUME':
      return bindDriverVolume(body, source, { target, mode, where: `${where}.source.docker_volume` })
    case 'HOST_PATH': {
      const path = source.host_path?.path
      if (path === undefined) return `${where}.source.host_path: it is required for the type HOST_PATH`
      return bindHostPath(
        body,
        path,
        { target, mode, where: `${where}.source.host_path.path` },
        volume,
        paths,
      )
    }
    case undefined:
      return `${where}: expected a host_path or a source`
    default:
      notes.push(`${where} was left out: the docker containerizer has no volumes of type ${source?.type}`)
      return undefined
  }
}

interface Binding {
  readonly target: string
  readonly mode: 'ro' | 'rw'
  readonly where: string
}

function bindHostPath(
  body: CreateBody,
  hostPath: string,
  binding: Binding,
  volume: Volume,
  paths: VolumePaths,
): string | undefined {
  if (hostPath === '') return `${binding.where}: expected a path, got nothing`
  const driver = body.HostConfig.VolumeDriver
  const isRelative = !hostPath.startsWith('/')
  let source = hostPath
  // With a driver, a relative host path is the name of a volume.
  if (isRelative && driver === undefined) {
    if (!volume.container_path.startsWith('/'))
      return `${binding.where}: '${hostPath}' and container_path '${volume.container_path}' are both relative`
    const joined = posix.join(paths.sandbox, hostPath)
    if (!joined.startsWith(`${paths.sandbox}/`))
      return `${binding.where}: '${hostPath}' leads out of the sandbox`
    source = joined
  }
  // Binds let the engine make a missing folder, as `docker run -v` does; only they cannot hold a colon.
  if (source.includes(':') || binding.target.includes(':')) {
    append(body.HostConfig, 'Mounts', {
      Type: 'bind',
      Source: source,
      Target: binding.target,
      ReadOnly: binding.mode === 'ro',
    })
  } else append(body.HostConfig, 'Binds', `${source}:${binding.target}:${binding.mode}`)
  return undefined
}

function bindDriverVolume(
  body: CreateBody,
  source: NonNullable<Volume['source']>,
  binding: Binding,
): string | undefined {
  const named = source.docker_volume
  if (named === undefined) return `${binding.where}: it is required for the type DOCKER_VOLUME`
  if (!/^[\w][\w.-]{0,254}$/.test(named.name))
    return `${binding.where}.name: '${named.name}' cannot name a volume`
  const host = body.HostConfig
  if (named.driver !== undefined && host.VolumeDriver !== undefined && named.driver !== host.VolumeDriver)
    return `${binding.where}.driver: '${named.driver}' differs from '${host.VolumeDriver}'; only one is possible`
  if (named.driver !== undefined) host.VolumeDriver = named.driver
  const options = named.driver_options?.parameter ?? []
  if (options.length === 0) append(host, 'Binds', `${named.name}:${binding.target}:${binding.mode}`)
  else {
    append(host, 'Mounts', {
      Type: 'volume',
      Source: named.name,
      Target: binding.target,
      ReadOnly: binding.mode === 'ro',
      VolumeOptions: {
        DriverConfig: {
          Name: named.driver ?? 'local',
          Options: Object.fromEntries(options.map(({ key, value }) => [key, value])),
        },
      },
    })
  }
  return undefined
}

/** A relative path lies in the mapped sandbox, and must stay there. */
function insideContainer(path: string, mappedSandbox: string): string | undefined {
  if (path.startsWith('/')) return path
  const joined = posix.join(mappedSandbox, path)
  return joined.startsWith(`${mappedSandbox}/`) ? joined : undefined
}
