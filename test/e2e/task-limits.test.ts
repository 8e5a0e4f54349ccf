// Limits that differ from the request, read back from the kernel: at the start, and changed while a container runs.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cgroups } from '../../src/containerizer/cgroups.ts'
import type { Container, ContainerSpec } from '../../src/containerizer/containerizer.ts'
import { type RealDocker, realDocker, resourcesOf } from '../support/docker.ts'
import { requireEngine } from '../support/engine.ts'
import { groupFile, type HostBench, openHostBench } from '../support/host.ts'

let docker: RealDocker
let bench: HostBench

beforeAll(async () => {
  await requireEngine()
  docker = await realDocker({ memoryTotalBytes: 8 * 1024 ** 3 })
  bench = openHostBench()
})

afterAll(async () => {
  await docker[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const resources = resourcesOf('cpus:0.25;mem:64')
const LINE = { shell: true, value: 'exec sleep 1000' }

/** Both containerizers, with the groups that their containers live in. */
const KINDS: readonly [string, (limits: ContainerSpec['limits']) => Promise<Container>, () => Cgroups][] = [
  [
    'a Docker container',
    (limits) => docker.start(docker.spec({}, {}, { command: LINE, resources, limits })),
    () => docker.cgroups,
  ],
  ['a host container', (limits) => bench.launch(LINE.value, { resources, limits }), () => bench.cgroups],
]

/** Megabytes, `Infinity` where the kernel has no limit or one beyond all that a machine has. */
function memoryLimit(container: Container): number {
  const path = container.group ?? 'none'
  const text = readFileSync(groupFile('memory', path, 'memory.limit_in_bytes', 'memory.max'), 'utf8').trim()
  const bytes = text === 'max' ? Number.POSITIVE_INFINITY : Number(text)
  return bytes > 2 ** 50 ? Number.POSITIVE_INFINITY : bytes / 1024 ** 2
}

async function within(container: Container, work: (container: Container) => Promise<void>): Promise<void> {
  try {
    await work(container)
  } finally {
    container.kill(0)
    await container.exit
    await container.release()
  }
}

const scoreOf = ({ pid }: Container): number => Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'))

test.each(KINDS)(
  '%s has its limits, and goes before others when it may burst',
  async (_name, launch, cgroups) => {
    await within(await launch({ cpus: 0.5, mem: 128 }), async (container) => {
      expect(cgroups().settings(container.group ?? 'none').quotaCpus).toBeCloseTo(0.5)
      expect(memoryLimit(container)).toBe(128)
      // 1000 − 1000 · 64 MB / 8 GB, rounded.
      expect(Math.abs(scoreOf(container) - 992)).toBeLessThanOrEqual(1)
    })
  },
)

test.each(KINDS)(
  '%s without end has no limit, and still goes before others',
  async (_name, launch, cgroups) => {
    await within(await launch({ cpus: Infinity, mem: Infinity }), async (container) => {
      expect(cgroups().settings(container.group ?? 'none').quotaCpus).toBe(Infinity)
      expect(memoryLimit(container)).toBe(Infinity)
      expect(Math.abs(scoreOf(container) - 992)).toBeLessThanOrEqual(1)
    })
  },
)

test.each(KINDS)(
  '%s takes new limits while it runs; its memory is only raised',
  async (_name, launch, cgroups) => {
    await within(await launch({ cpus: 0.5, mem: 128 }), async (container) => {
      const quota = (): number | undefined => cgroups().settings(container.group ?? 'none').quotaCpus
      await container.update?.(resources, { cpus: 1, mem: 256 })
      expect([quota(), memoryLimit(container)]).toEqual([1, 256])
      await container.update?.(resources, { cpus: 0.75, mem: 96 })
      expect([quota(), memoryLimit(container)]).toEqual([0.75, 256])
      await container.update?.(resources, { cpus: Infinity, mem: Infinity })
      expect(quota()).toBe(Infinity)
      // The engine takes no "none": all memory of the machine.
      expect(memoryLimit(container)).toBeGreaterThanOrEqual(8 * 1024)
    })
  },
)
