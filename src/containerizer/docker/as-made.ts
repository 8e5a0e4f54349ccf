// What `docker inspect` says of a running container, as far as its own creation says it: an answer without a request.
import { isoTime } from '../../base/clock.ts'
import type { CreateBody, Mount } from './body.ts'
import type { ContainerDescription } from './engine-answers.ts'

export interface Made {
  /** The engine's id. */
  readonly id: string
  readonly name: string
  readonly body: CreateBody
  /** Wall time in ms, as the next. */
  readonly createdAt: number
}

const NEVER = '0001-01-01T00:00:00Z'

/**
 * Names and forms are those of the engine. What the engine adds by itself is not in it: its defaults, what the image
 * configures, its own paths, addresses of networks other than host and none.
 */
export function describeAsMade(made: Made, pid: number, startedAt: number): ContainerDescription {
  const { id, name, body, createdAt } = made
  const { HostConfig, NetworkingConfig: _, ...config } = body
  const words = [...(body.Entrypoint ?? []), ...(body.Cmd ?? [])]
  const network = { IPAddress: '', GlobalIPv6Address: '' }
  const description = {
    Id: id,
    Created: isoTime(createdAt),
    ...(words.length > 0 && { Path: words[0], Args: words.slice(1) }),
    State: {
      Status: 'running',
      Running: true,
      Paused: false,
      Restarting: false,
      OOMKilled: false,
      Dead: false,
      Pid: pid,
      ExitCode: 0,
      Error: '',
      StartedAt: isoTime(startedAt),
      FinishedAt: NEVER,
    },
    Name: `/${name}`,
    HostConfig,
    Mounts: (HostConfig.Mounts ?? []).map(mountPoint),
    Config: config,
    NetworkSettings: { ...network, Ports: {}, Networks: { [HostConfig.NetworkMode]: network } },
  }
  return description
}

function mountPoint({ Type, Source = '', Target, ReadOnly = false, BindOptions }: Mount): object {
  const propagation = BindOptions?.Propagation ?? (Type === 'bind' ? 'rprivate' : '')
  return { Type, Source, Destination: Target, Mode: '', RW: !ReadOnly, Propagation: propagation }
}
