// Descriptions of Docker containers for tests, and a containerizer on the real engine that is checked for leftovers.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'
import type { Cgroups } from '../../src/containerizer/cgroups.ts'
import { openCgroups } from '../../src/containerizer/cgroups/open.ts'
import type { Container, ContainerExit, ContainerSpec } from '../../src/containerizer/containerizer.ts'
import {
  type DockerContainerizer,
  type DockerOptions,
  openDocker,
} from '../../src/containerizer/docker/docker.ts'
import { LABELS, type OptionSettings } from '../../src/containerizer/docker/options.ts'
import { Resources } from '../../src/resources/resources.ts'
import type { ContainerInfo, ContainerInfoDockerInfo } from '../../src/wire/containers.ts'
import { TEST_IMAGE, engineRequest } from './engine.ts'

export function resourcesOf(text: string): Resources {
  const parsed = Resources.parse(text)
  if ('rejected' in parsed) throw new Error(parsed.message)
  return parsed
}

/** A Docker task: `docker` and `info` add to its container, `more` replaces whole parts. */
export function dockerSpec(
  docker: Partial<ContainerInfoDockerInfo> = {},
  info: Partial<ContainerInfo> = {},
  more: Partial<ContainerSpec> = {},
): ContainerSpec {
  return {
    containerId: systemRandom.uuid(),
    frameworkId: 'framework-1',
    executorId: 'task-1',
    taskId: 'task-1',
    sandbox: '/sandboxes/one',
    user: undefined,
    command: { shell: true, value: 'true' },
    container: { type: 'DOCKER', docker: { image: TEST_IMAGE, ...docker }, ...info },
    resources: resourcesOf('cpus:0.5;mem:64'),
    limits: {},
    environment: {},
    revocable: false,
    ...more,
  }
}

export const SETTINGS: OptionSettings = {
  agentTag: 'agent1',
  sandboxDirectory: '/mnt/mesos/sandbox',
  containerDns: [],
  engineLogBytes: 1024,
  enforceQuota: false,
  limitSwap: false,
  pidsLimit: undefined,
  memoryTotalBytes: 16 * 1024 ** 3,
  hasTiers: true,
}

/** A containerizer on the machine's engine; disposing it fails when anything of it is left. */
export interface RealDocker extends AsyncDisposable {
  readonly containerizer: DockerContainerizer
  readonly tag: string
  /** The groups that its containers live in. */
  readonly cgroups: Cgroups
  /** A task with a sandbox of its own on disk. */
  spec: typeof dockerSpec
  /** Sentences that the tasks' status messages would show. */
  readonly progress: string[]
  start(spec: ContainerSpec): Promise<Container>
  /** Starts, waits for the end, releases. */
  run(spec: ContainerSpec): Promise<ContainerExit>
}

export async function realDocker(options: Partial<DockerOptions> = {}): Promise<RealDocker> {
  const folder = mkdtempSync(join(tmpdir(), 'docker-test-'))
  const tag = `test${systemRandom.uuid().slice(0, 8)}`
  const cgroups = openCgroups({ tag, cpus: 2, clock: systemClock })
  const containerizer = await openDocker({
    socket: '/var/run/docker.sock',
    clock: systemClock,
    log: silentLogger,
    cgroups,
    agentTag: tag,
    memoryTotalBytes: 16 * 1024 ** 3,
    removeDelayMs: 0,
    ...options,
  })
  const progress: string[] = []
  const start = (spec: ContainerSpec): Promise<Container> =>
    containerizer.launch(spec, { progress: (line) => progress.push(line) }, new AbortController().signal)
  return {
    containerizer,
    tag,
    cgroups,
    progress,
    start,
    spec: (docker, info, more) =>
      dockerSpec(docker, info, { sandbox: mkdtempSync(join(folder, 'sandbox-')), ...more }),
    async run(spec) {
      const container = await start(spec)
      const exit = await container.exit
      await container.release()
      return exit
    },
    async [Symbol.asyncDispose]() {
      await containerizer.close()
      const left = await containersOf(tag)
      for (const id of left) await engineRequest('DELETE', `/containers/${id}?force=1&v=1`)
      await cgroups.close()
      rmSync(folder, { recursive: true, force: true })
      if (left.length > 0) throw new Error(`${left.length} containers were left behind: ${left.join(', ')}`)
    },
  }
}

/** Ids of the engine's containers with an agent's label. */
export async function containersOf(tag: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`${LABELS.agent}=${tag}`] }))
  const { text } = await engineRequest('GET', `/containers/json?all=1&filters=${filters}`)
  return (JSON.parse(text) as { Id: string }[]).map(({ Id }) => Id)
}
