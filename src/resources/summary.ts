/** The maps and short texts in which pages, commands and flags show resources. */
import type { Entry } from './resource.ts'
import { type Amount, addAmounts, amountText } from './value.ts'

/** `{ disk: 0, mem: 64, gpus: 0, cpus: 0.1, ports: "[31000-32000]", cpus_revocable: 2 }` */
export type ResourceSummary = Readonly<Record<string, number | string>>

/** Numbers for scalars (the four well-known ones always), texts for ranges and sets; revocable ones beside them. */
export function summaryOf(entries: readonly Entry[]): ResourceSummary {
  const sums = new Map<string, Amount>()
  for (const { identity, amount, copies } of entries) {
    const name = identity.revocable ? `${identity.name}_revocable` : identity.name
    const times = amount.kind === 'scalar' && !identity.shared ? copies : 1
    const all: Amount = amount.kind === 'scalar' ? { kind: 'scalar', milli: amount.milli * times } : amount
    const before = sums.get(name)
    // Two kinds under one name cannot be summed; the first one is shown.
    if (before === undefined) sums.set(name, all)
    else if (before.kind === all.kind) sums.set(name, addAmounts(before, all))
  }
  // The order of these four is that of a real master (spec/recorded/endpoints.json).
  const summary: Record<string, number | string> = { disk: 0, mem: 0, gpus: 0, cpus: 0 }
  for (const [name, amount] of sums) {
    summary[name] = amount.kind === 'scalar' ? amount.milli / 1000 : amountText(amount)
  }
  return summary
}

/** `cpus:4;mem(web):1024;ports:[31000-32000]`; undefined when the text form cannot say all that is there. */
export function flagTextOf(entries: readonly Entry[]): string | undefined {
  const parts: string[] = []
  for (const { identity, amount, copies } of entries) {
    const [reservation, refined] = identity.reservations
    const plain =
      copies === 1 &&
      refined === undefined &&
      (reservation === undefined || isBareStatic(reservation)) &&
      identity.allocatedTo === undefined &&
      !identity.revocable &&
      !identity.shared &&
      identity.disk === undefined &&
      identity.providerId === undefined &&
      [identity.name, identity.role, ...(amount.kind === 'set' ? amount.items : [])].every(isPlainWord)
    if (!plain) return undefined
    const role = reservation === undefined ? '' : `(${reservation.role})`
    parts.push(`${identity.name}${role}:${amountText(amount).replaceAll(' ', '')}`)
  }
  return parts.join(';')
}

function isBareStatic(reservation: Entry['identity']['reservations'][number]): boolean {
  return (
    reservation.type === 'STATIC' && reservation.principal === undefined && reservation.labels === undefined
  )
}

/** A word in which the text form's own marks do not occur. */
function isPlainWord(word: string): boolean {
  return word !== '' && !/[\s;:,(){}[\]"]/.test(word)
}
