// Does an offer hold what a task wants? If so, which of its resources; if not, what is missing: pure.
import type { Offer } from '../wire/offers.ts'
import type { Resource } from '../wire/resources.ts'
import type { Attribute } from '../wire/values.ts'

export interface PortWish {
  /** 0: any port that is offered. */
  readonly host: number
  readonly container: number
  readonly protocol?: 'tcp' | 'udp'
}

/** What a task wants of an offer. */
export interface Want {
  readonly cpus: number
  /** MB. */
  readonly mem: number
  /** Its cpus are lent ones. */
  readonly revocable: boolean
  /** `attribute=value`, or the name, host or id of an agent. */
  readonly on?: string | undefined
  readonly ports?: readonly PortWish[]
}

/** One thing that an offer does not have. */
export interface Shortfall {
  readonly what: string
  readonly wanted: string
  readonly has: string
  /** How far it is away: the share that is missing, 1 when it can never be had there. */
  readonly share: number
}

export type Match =
  | {
      readonly fits: true
      readonly resources: readonly Resource[]
      readonly ports: readonly (PortWish & { readonly host: number })[]
    }
  | { readonly fits: false; readonly missing: readonly Shortfall[] }

export function matchOffer(offer: Offer, want: Want): Match {
  const missing: Shortfall[] = []
  const resources: Resource[] = []
  if (want.on !== undefined && !isOn(offer, want.on)) {
    missing.push({ what: 'agent', wanted: want.on, has: agentName(offer), share: 1 })
  }
  const take = (name: 'cpus' | 'mem', amount: number, lent: boolean): void => {
    const found = takeScalar(offer, name, amount, lent)
    resources.push(...found.taken)
    if (found.has >= amount) return
    missing.push({
      what: lent ? `lent ${name}` : name,
      wanted: figure(name, amount),
      has: figure(name, found.has),
      share: 1 - found.has / amount,
    })
  }
  take('cpus', want.cpus, want.revocable)
  // Estimators may lend memory too; then a borrower's memory is lent as well.
  take(
    'mem',
    want.mem,
    want.revocable && takeScalar(offer, 'mem', want.mem, false).has < want.mem && lendsMemory(offer),
  )
  const ports = takePorts(offer, want.ports ?? [], resources, missing)
  return missing.length === 0 ? { fits: true, resources, ports } : { fits: false, missing }
}

/** The offer that misses least; the earlier of two that miss the same. */
export function nearer<T extends { readonly missing: readonly Shortfall[] }>(a: T | undefined, b: T): T {
  const distance = ({ missing }: T): number => missing.reduce((sum, { share }) => sum + share, 0)
  return a === undefined || distance(b) < distance(a) ? b : a
}

/** `cpus: 2 wanted, 0.5 there` */
export function shortfallText(missing: readonly Shortfall[]): string {
  return missing.map(({ what, wanted, has }) => `${what}: ${wanted} wanted, ${has} there`).join('; ')
}

/** What people call an agent: its attribute `agent`, else its host name. */
export function agentName(offer: Offer): string {
  const named = offer.attributes?.find(({ name }) => name === 'agent')
  return named === undefined ? offer.hostname : attributeValue(named)
}

function isOn(offer: Offer, on: string): boolean {
  const cut = on.indexOf('=')
  if (cut > 0) {
    const [name, value] = [on.slice(0, cut), on.slice(cut + 1)]
    return (offer.attributes ?? []).some((one) => one.name === name && attributeValue(one) === value)
  }
  return [agentName(offer), offer.hostname, offer.agent_id.value].includes(on)
}

function attributeValue(attribute: Attribute): string {
  return attribute.text?.value ?? String(attribute.scalar?.value ?? '')
}

function figure(name: string, amount: number): string {
  const value = Number(amount.toFixed(3))
  return name === 'mem' ? `${value} MB` : String(value)
}

const lendsMemory = (offer: Offer): boolean =>
  (offer.resources ?? []).some(({ name, revocable }) => name === 'mem' && revocable !== undefined)

/** Thousandths, in which Mesos reckons scalars (spec/mesos.md 5.2). */
const milli = (value: number): number => Math.round(value * 1000)

/** Takes an amount out of the offer, reserved resources first, and says how much there is at all. */
function takeScalar(
  offer: Offer,
  name: string,
  amount: number,
  lent: boolean,
): { readonly taken: readonly Resource[]; readonly has: number } {
  const usable = (offer.resources ?? []).filter(
    (one) =>
      one.name === name &&
      one.scalar !== undefined &&
      (one.revocable !== undefined) === lent &&
      one.disk === undefined &&
      one.shared === undefined,
  )
  const reserved = (one: Resource): boolean =>
    (one.reservations ?? []).length > 0 || (one.role ?? '*') !== '*'
  const ordered = usable.toSorted((a, b) => Number(reserved(b)) - Number(reserved(a)))
  let rest = milli(amount)
  const taken: Resource[] = []
  for (const one of ordered) {
    const part = Math.min(rest, milli(one.scalar?.value ?? 0))
    if (part <= 0) continue
    taken.push({ ...one, scalar: { value: part / 1000 } })
    rest -= part
  }
  return { taken, has: usable.reduce((sum, one) => sum + milli(one.scalar?.value ?? 0), 0) / 1000 }
}

function takePorts(
  offer: Offer,
  wishes: readonly PortWish[],
  resources: Resource[],
  missing: Shortfall[],
): PortWish[] {
  if (wishes.length === 0) return []
  const offered = (offer.resources ?? []).filter(
    ({ name, ranges }) => name === 'ports' && ranges !== undefined,
  )
  const used = new Set(wishes.map(({ host }) => host).filter((port) => port > 0))
  const placed: PortWish[] = []
  for (const wish of wishes) {
    const from = offered.find(({ ranges }) =>
      (ranges?.range ?? []).some(({ begin, end }) =>
        wish.host > 0 ? wish.host >= begin && wish.host <= end : firstFree(begin, end, used) !== undefined,
      ),
    )
    const port = wish.host > 0 ? wish.host : firstOf(from, used)
    if (from === undefined || port === undefined) {
      const has = offered.flatMap(({ ranges }) =>
        (ranges?.range ?? []).map(({ begin, end }) => `${begin}-${end}`),
      )
      const wanted = wish.host > 0 ? String(wish.host) : 'any'
      missing.push({ what: 'port', wanted, has: has.join(', ') || 'none', share: 1 })
      continue
    }
    used.add(port)
    resources.push({ ...from, ranges: { range: [{ begin: port, end: port }] } })
    placed.push({ ...wish, host: port })
  }
  return placed
}

function firstOf(from: Resource | undefined, used: ReadonlySet<number>): number | undefined {
  for (const { begin, end } of from?.ranges?.range ?? []) {
    const port = firstFree(begin, end, used)
    if (port !== undefined) return port
  }
  return undefined
}

function firstFree(begin: number, end: number, used: ReadonlySet<number>): number | undefined {
  for (let port = begin; port <= end; port++) if (!used.has(port)) return port
  return undefined
}
