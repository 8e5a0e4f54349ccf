// A host containerizer in a temp folder with control groups of its own, for tests on the real kernel.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'
import type { Cgroups } from '../../src/containerizer/cgroups.ts'
import { cgroupTag, openCgroups } from '../../src/containerizer/cgroups/open.ts'
import type { Container, Containerizer, ContainerSpec } from '../../src/containerizer/containerizer.ts'
import { createHostContainerizer, type HostOptions } from '../../src/containerizer/host/containerizer.ts'
import { processTable } from '../../src/containerizer/host/process-table.ts'
import { Resources } from '../../src/resources/resources.ts'

/** Disposing it ends what it started, and fails when anything of it is left on the machine. */
export interface HostBench extends AsyncDisposable {
  readonly folder: string
  readonly cgroups: Cgroups
  readonly containerizer: Containerizer
  /** Starts `sh -c value` with 0.5 cores and 64 MB, or as `more` says. */
  launch(value: string, more?: Partial<ContainerSpec> & { readonly reserved?: string }): Promise<Container>
  /** The text of a file in a container's sandbox. */
  text(container: Container, name: string): string
  /** What this bench left on the machine: groups, processes, folders of state. Empty after everything was released. */
  leftovers(): readonly string[]
}

export interface BenchOptions extends Partial<HostOptions> {
  readonly folder?: string
  /** Where hierarchies are looked for; an empty folder stands for a machine without any. */
  readonly mount?: string
}

export function resourcesOf(text: string): Resources {
  const resources = Resources.parse(text)
  if ('rejected' in resources) throw new Error(resources.message)
  return resources
}

/** A command task of 0.5 cores and 64 MB with a new sandbox below a folder. */
export function commandSpec(folder: string, value: string, reserved = 'cpus:0.5;mem:64'): ContainerSpec {
  const containerId = systemRandom.uuid()
  const sandbox = join(folder, 'sandboxes', containerId)
  mkdirSync(sandbox, { recursive: true })
  return {
    containerId,
    frameworkId: 'framework',
    executorId: 'executor',
    taskId: 'task',
    sandbox,
    user: undefined,
    command: { value },
    container: undefined,
    resources: resourcesOf(reserved),
    limits: {},
    environment: {},
    revocable: false,
  }
}

export function openHostBench(options: BenchOptions = {}): HostBench {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'tepui-host-'))
  const mount = options.mount === undefined ? {} : { mount: options.mount }
  const cgroups = openCgroups({ tag: cgroupTag(0, folder), cpus: 2, clock: systemClock, ...mount })
  const runtimeDirectory = join(folder, 'runtime')
  const containerizer = createHostContainerizer({
    cgroups,
    clock: systemClock,
    log: silentLogger,
    runtimeDirectory,
    enableCfs: false,
    limitSwap: true,
    pidsLimit: 200,
    memoryTotalBytes: 8 * 1024 ** 3,
    ...options,
  })
  const containers: Container[] = []
  return {
    folder,
    cgroups,
    containerizer,
    async launch(value, more = {}) {
      const { reserved, ...fields } = more
      const spec = { ...commandSpec(folder, value, reserved), ...fields }
      const never = new AbortController().signal
      const container = await containerizer.launch(spec, { progress: () => undefined }, never)
      containers.push(container)
      return container
    },
    text: (container, name) => readFileSync(join(folder, 'sandboxes', container.id, name), 'utf8'),
    leftovers: () => [
      ...groupsOf(cgroups),
      ...processesBelow(folder),
      ...(existsSync(runtimeDirectory) ? readdirSync(runtimeDirectory) : []),
    ],
    async [Symbol.asyncDispose]() {
      for (const container of containers) container.kill(0)
      for (const container of containers) await container.release()
      await containerizer.close()
      await cgroups.close()
      rmSync(folder, { recursive: true, force: true })
      const tiers = (['owners', 'lent'] as const).map((tier) => groupFile('pids', cgroups.tier(tier), '', ''))
      const left = [
        ...groupsOf(cgroups),
        ...tiers.filter((tier) => existsSync(tier)),
        ...processesBelow(folder),
      ]
      if (left.length > 0) throw new Error(`The host containerizer left on this machine: ${left.join(', ')}`)
    },
  }
}

/** A file of a group in the hierarchy that has it on this machine: below `v1` or in the one tree. */
export function groupFile(v1: string, path: string, v1Name: string, v2Name: string): string {
  const home = `/sys/fs/cgroup/${v1}`
  return existsSync(home) ? join(home, path, v1Name) : join('/sys/fs/cgroup', path, v2Name)
}

/** Groups of containers that exist in any hierarchy. */
export function groupsOf(cgroups: Cgroups): readonly string[] {
  const mounts = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((name) => `/sys/fs/cgroup/${name}`)]
  const tiers = mounts.flatMap((mount) => [mount + cgroups.tier('owners'), mount + cgroups.tier('lent')])
  return tiers.filter((tier) => existsSync(tier)).flatMap((tier) => childrenOf(tier))
}

function childrenOf(folder: string): readonly string[] {
  const entries = readdirSync(folder, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name))
}

/**
 * Processes whose arguments or environment name a folder. An environment that we may not read (pid 1's) was not
 * made by us.
 */
export function processesBelow(folder: string): readonly string[] {
  return processTable().flatMap(({ pid }) => {
    const line = (readableText(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ')
    const environment = readableText(`/proc/${pid}/environ`) ?? ''
    return pid !== process.pid && `${line} ${environment}`.includes(folder) ? [`${pid}: ${line}`] : []
  })
}

function readableText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && /ENOENT|ESRCH|EACCES/.test(error.message)) return undefined
    throw error
  }
}
