// An earlier life of an agent, as a process that a test ends with SIGKILL: starts containers, says so, waits.
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import type { Containerizer, ContainerSpec } from '../../src/containerizer/containerizer.ts'
import type { Resources } from '../../src/resources/resources.ts'
import { openNextLife, type LifeOptions } from './lives.ts'
import { resourcesOf } from './host.ts'

export interface Order {
  readonly life: LifeOptions
  /** With the reservation as text. */
  readonly specs: readonly (Omit<ContainerSpec, 'resources'> & { readonly resources: string })[]
}

process.once('message', (order: Order) => void start(order))
// Whoever asked for it may be gone.
process.once('disconnect', () => process.exit())

async function start({ life, specs }: Order): Promise<void> {
  const { containerizer } = await openNextLife(life, { clock: systemClock, log: silentLogger })
  await Promise.all(
    specs.map((spec) => launch(containerizer, { ...spec, resources: resourcesOf(spec.resources) })),
  )
  process.send?.('running')
}

async function launch(
  containerizer: Containerizer,
  spec: ContainerSpec & { resources: Resources },
): Promise<void> {
  await containerizer.launch(spec, { progress: () => undefined }, new AbortController().signal)
}
