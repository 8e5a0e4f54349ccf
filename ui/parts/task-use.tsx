/** What tasks use of their cpus and memory, beside what they were given, in tables of tasks. */
import { useEffect, useState } from 'preact/hooks'
import type { TaskRow } from '../../src/wire/page.ts'
import { type Container, type LendPage, memoryUsed } from '../data/lend-page.ts'
import { address, askJson } from '../data/requests.ts'
import { amount, memory } from '../data/words.ts'
import type { Column } from './table.tsx'

const EVERY_MS = 5000

/** The containers of these agents, asked again and again; of an agent that does not answer none. */
export function useContainers(agents: readonly string[]): readonly Container[] {
  const [found, setFound] = useState<readonly Container[]>([])
  const named = agents.join(' ')
  useEffect(() => {
    if (agents.length === 0) {
      setFound([])
      return undefined
    }
    const ending = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const round = async (): Promise<void> => {
      const containers = await Promise.all(agents.map((agent) => containersOf(agent, ending.signal)))
      if (ending.signal.aborted) return
      setFound(containers.flat())
      timer = setTimeout(() => void round(), EVERY_MS)
    }
    void round()
    return () => {
      ending.abort()
      clearTimeout(timer)
    }
  }, [named])
  return found
}

async function containersOf(agent: string, signal: AbortSignal): Promise<readonly Container[]> {
  try {
    const page = await askJson<LendPage>(address(`api/x1/agents/${encodeURIComponent(agent)}/lend`), signal)
    return page.containers ?? []
  } catch {
    // Its tasks are shown without what they use.
    return []
  }
}

/** Columns of tasks with what each uses; what several tasks of one container use together is told of none. */
export function withUse(
  columns: readonly Column<TaskRow>[],
  containers: readonly Container[],
): readonly Column<TaskRow>[] {
  const byTask = new Map<string, Container>()
  for (const one of containers) {
    const [only, other] = one.tasks
    if (only !== undefined && other === undefined) byTask.set(`${one.framework_id}/${only}`, one)
  }
  const of = ({ key }: TaskRow): Container | undefined => byTask.get(key)
  return columns.map((column): Column<TaskRow> => {
    switch (column.name) {
      case 'cpus':
        return {
          ...column,
          note: NOTE,
          show: (task) => `${told(of(task)?.cpus, amount)} / ${amount(task.cpus)}`,
          order: (task) => of(task)?.cpus ?? -1,
          width: '9em',
        }
      case 'memory':
        return {
          ...column,
          note: NOTE,
          show: (task) => `${told(memoryUsed(of(task)), memory)} / ${memory(task.mem)}`,
          order: (task) => memoryUsed(of(task)) ?? -1,
          width: '10.5em',
        }
      case 'state':
        return {
          ...column,
          show: (task) =>
            of(task)?.frozen === true ? (
              <b class="freeze" title="it stands still: an owner needs the cpus that it borrowed">
                ◆ frozen
              </b>
            ) : (
              column.show(task)
            ),
        }
      default:
        return column
    }
  })
}

const NOTE = 'used / allocated'

const told = (value: number | undefined, text: (value: number) => string): string =>
  value === undefined ? '?' : text(value)
