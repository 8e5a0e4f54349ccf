// The networks of a container: mode, published ports, DNS, host name (spec/mesos.md 7.3).
import { type Rejection, rejection } from '../../base/errors.ts'
import type { Range } from '../../resources/value.ts'
import type { ContainerInfo } from '../../wire/containers.ts'
import type { CreateBody } from './body.ts'

/** One entry of `--default_container_dns`, part `docker`. Without a name it counts for every user network. */
export interface ContainerDns {
  readonly network_mode: 'BRIDGE' | 'USER'
  readonly network_name?: string
  readonly dns: {
    readonly nameservers?: readonly string[]
    readonly search?: readonly string[]
    readonly options?: readonly string[]
  }
}

/** Engine modes in which a container has no network settings of its own. */
const SHARED_MODES = /^(host|none|container:.*)$/
const PORTS_MAX = 1024

/** The engine's network mode, before a `network` parameter changes it. */
export function networkMode(info: ContainerInfo): string | Rejection {
  switch (info.docker?.network ?? 'HOST') {
    case 'HOST':
      return 'host'
    case 'BRIDGE':
      return 'bridge'
    case 'NONE':
      return 'none'
    case 'USER': {
      const networks = info.network_infos ?? []
      if (networks.length !== 1)
        return rejection(`container.network_infos: a USER network needs exactly one, got ${networks.length}`)
      const name = networks[0]?.name ?? ''
      return name === '' ? rejection('container.network_infos[0].name: a USER network needs its name') : name
    }
  }
}

/** Adds `docker.port_mappings`. */
export function applyPortMappings(body: CreateBody, info: ContainerInfo): Rejection | undefined {
  for (const [index, mapping] of (info.docker?.port_mappings ?? []).entries()) {
    const where = `container.docker.port_mappings[${index}]`
    const protocol = (mapping.protocol ?? 'tcp').toLowerCase()
    if (!['tcp', 'udp', 'sctp'].includes(protocol))
      return rejection(`${where}.protocol: expected tcp, udp or sctp, got '${mapping.protocol}'`)
    for (const name of ['host_port', 'container_port'] as const) {
      if (!(mapping[name] >= 1 && mapping[name] <= 65_535))
        return rejection(`${where}.${name}: expected 1 to 65535, got ${mapping[name]}`)
    }
    const key = `${mapping.container_port}/${protocol}`
    ;((body.HostConfig.PortBindings ??= {})[key] ??= []).push({ HostPort: String(mapping.host_port) })
    ;(body.ExposedPorts ??= {})[key] = {}
  }
  return undefined
}

/** Adds the agent's DNS settings for this network, unless the task brought its own. */
export function applyDns(body: CreateBody, all: readonly ContainerDns[]): void {
  const host = body.HostConfig
  if (host.Dns !== undefined || host.DnsSearch !== undefined || host.DnsOptions !== undefined) return
  const mode = host.NetworkMode
  if (SHARED_MODES.test(mode)) return
  const isBridge = mode === 'bridge' || mode === 'default'
  const entry = isBridge
    ? all.find((one) => one.network_mode === 'BRIDGE')
    : (all.find((one) => one.network_mode === 'USER' && one.network_name === mode) ??
      all.find((one) => one.network_mode === 'USER' && one.network_name === undefined))
  if (entry === undefined) return
  if (entry.dns.nameservers !== undefined) host.Dns = [...entry.dns.nameservers]
  if (entry.dns.search !== undefined) host.DnsSearch = [...entry.dns.search]
  if (entry.dns.options !== undefined) host.DnsOptions = [...entry.dns.options]
}

/** What only the whole body shows: published ports and names that the network cannot have, ports that are not ours. */
export function networkProblem(body: CreateBody, ports: readonly Range[]): Rejection | undefined {
  const mode = body.HostConfig.NetworkMode
  const bindings = Object.values(body.HostConfig.PortBindings ?? {}).flat()
  if (mode === 'host' && body.Hostname !== undefined)
    return rejection(
      `container.hostname: a container on the host's network has the host's name, not '${body.Hostname}'`,
    )
  if (bindings.length === 0) return undefined
  if (SHARED_MODES.test(mode))
    return rejection(
      `container.docker.port_mappings: only BRIDGE and USER networks can map ports, this one's network is ${mode}`,
    )
  if (bindings.length > PORTS_MAX)
    return rejection(`container.docker.port_mappings: ${bindings.length} are more than ${PORTS_MAX}`)
  for (const { HostPort } of bindings) {
    const port = Number(HostPort)
    if (!ports.some(({ begin, end }) => begin <= port && port <= end))
      return rejection(
        `container.docker.port_mappings: host_port ${port} is not among the task's ports ${portsText(ports)}`,
      )
  }
  return undefined
}

function portsText(ports: readonly Range[]): string {
  return ports.length === 0
    ? '(it has none)'
    : `[${ports.map(({ begin, end }) => `${begin}-${end}`).join(', ')}]`
}
