// What a framework of ours wants for its next task, as a label of it: so the master can say why a task waits. Pure.

/** The label's key. */
export const NEED_LABEL = 'tepui_needs'

export interface Need {
  /** The task's name, for people. */
  readonly name: string
  readonly cpus: number
  /** MB. */
  readonly mem: number
  /** Its cpus are to be lent ones. */
  readonly lent: boolean
}

/** The label's value. */
export function needText({ cpus, lent, mem, name }: Need): string {
  return JSON.stringify({ name, cpus, mem, lent })
}

interface Labelled {
  readonly labels?: {
    readonly labels?: readonly { readonly key: string; readonly value?: string | undefined }[]
  }
}

/** What a framework says of its next task; undefined when it says nothing, or nonsense. */
export function needOf(info: Labelled): Need | undefined {
  const label = info.labels?.labels?.find(({ key }) => key === NEED_LABEL)?.value
  return label === undefined ? undefined : readNeed(label)
}

/** Anybody can write a label: undefined when it is not what we would write. */
export function readNeed(text: string): Need | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { cpus, lent, mem, name } = value as Record<string, unknown>
  const isAmount = (amount: unknown): amount is number => typeof amount === 'number' && amount >= 0
  if (typeof name !== 'string' || !isAmount(cpus) || !isAmount(mem)) return undefined
  return { name, cpus, mem, lent: lent === true }
}
