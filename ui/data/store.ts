// What the page knows, as the stream of the master tells it: rows by their ids, usage, and what lending did.
import { batch, computed, signal, type Signal } from '@preact/signals'
import type {
  AgentRow,
  FrameworkRow,
  LendEvent,
  MasterFactsRow,
  OfferRow,
  RowKind,
  Rows as EventRows,
  StreamEvent,
  TaskRow,
} from '../../src/wire/page.ts'
import { setMasterTime } from '../clock.ts'
import { MOST_EVENTS } from './lending-now.ts'
import { Recent } from './recent.ts'
import { tasksOf } from './task-groups.ts'
import { inSentence } from './words.ts'

/** Rows that change in place; who reads them is drawn anew when they do. */
export class Rows<T> {
  readonly #rows = new Map<string, T>()
  /** Grows with every change; reading it is what makes a reader be drawn anew. */
  readonly #version: Signal<number> = signal(0)
  readonly #key: (row: T) => string

  constructor(key: (row: T) => string) {
    this.#key = key
  }

  get all(): readonly T[] {
    return this.#list.value
  }

  readonly #list = computed(() => {
    return this.#version.value < 0 ? [] : [...this.#rows.values()]
  })

  get(key: string): T | undefined {
    return this.#version.value < 0 ? undefined : this.#rows.get(key)
  }

  set(rows: readonly T[], gone: readonly string[] | 'others'): void {
    if (rows.length === 0 && gone.length === 0) return
    if (gone === 'others') this.#rows.clear()
    else for (const key of gone) this.#rows.delete(key)
    for (const row of rows) this.#rows.set(this.#key(row), row)
    this.#version.value++
  }
}

export const agents = new Rows<AgentRow>(({ id }) => id)
export const frameworks = new Rows<FrameworkRow>(({ id }) => id)
export const tasks = new Rows<TaskRow>(({ key }) => key)
export const offers = new Rows<OfferRow>(({ id }) => id)

export const master = signal<MasterFactsRow | undefined>(undefined)
/** Points of the cluster, oldest first. */
export const clusterPoints = signal<readonly (readonly number[])[]>([])
/** The newest point of each agent. */
export const usage = signal<Readonly<Record<string, readonly number[]>>>({})
/** How long the owners of each agent waited lately; read it after `usage`, which changes with it. */
export const pressures = new Recent('cpuPressure')
/** Oldest first. */
export const lendEvents = signal<readonly LendEvent[]>([])
/** When the master said something last, on the browser's clock; 0 before the first time. */
export const heardAt = signal(0)
export const isConnected = signal(false)

const MOST_POINTS = 900

export function take(event: StreamEvent): void {
  setMasterTime(event.now)
  batch(() => {
    heardAt.value = Date.now()
    switch (event.type) {
      case 'snapshot':
        master.value = event.master
        setRows(event, undefined)
        return
      case 'change':
        setRows(event, event.gone)
        return
      case 'history':
        clusterPoints.value = event.points
        lendEvents.value = event.events.map(readable)
        usage.value = event.usage
        pressures.add(event.usage)
        return
      case 'usage':
        clusterPoints.value = [...clusterPoints.value, event.point].slice(-MOST_POINTS)
        usage.value = { ...usage.value, ...event.usage }
        pressures.add(event.usage)
        if (event.events.length > 0)
          lendEvents.value = [...lendEvents.value, ...event.events.map(readable)].slice(-MOST_EVENTS)
    }
  })
}

/** Its sentence names tasks, whose names may have characters that turn it. */
const readable = (event: LendEvent): LendEvent => ({ ...event, why: inSentence(event.why) })

/** @param gone undefined: all that is not in the event */
function setRows(rows: EventRows, gone: Readonly<Record<RowKind, readonly string[]>> | undefined): void {
  agents.set(rows.agents, gone?.agents ?? 'others')
  frameworks.set(rows.frameworks, gone?.frameworks ?? 'others')
  tasks.set(tasksOf(rows.tasks), gone?.tasks ?? 'others')
  offers.set(rows.offers, gone?.offers ?? 'others')
}
