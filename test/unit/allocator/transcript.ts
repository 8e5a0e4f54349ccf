/**
 * Runs the scripts of `scripts/*.txt`: blocks of commands, `----`, the output that is expected, an empty line.
 * `#` starts a comment. After every command the allocator's invariants are checked.
 */
import { seededRandom } from '../../../src/base/random.ts'
import type { AgentOptions, Allocator, FrameworkOptions } from '../../../src/allocator/allocator.ts'
import { compileConstraints } from '../../../src/allocator/constraints.ts'
import { DrfAllocator } from '../../../src/allocator/drf.ts'
import { parseAttributes } from '../../../src/resources/attributes.ts'
import { parseMinAllocatable, quantitiesText } from '../../../src/resources/quantities.ts'
import { Resources } from '../../../src/resources/resources.ts'
import type { OfferConstraints } from '../../../src/wire/offer-constraints.ts'

/** The same script with the output that its commands really gave. */
export function runTranscript(script: string): string {
  const stage = new Stage()
  const blocks = script.trim().split(/\n{2,}/)
  return `${blocks.map((block) => runBlock(stage, block)).join('\n\n')}\n`
}

function runBlock(stage: Stage, block: string): string {
  const lines = block.split('\n')
  const end = lines.indexOf('----')
  const commands = end < 0 ? lines : lines.slice(0, end)
  const output: string[] = []
  for (const line of commands) {
    if (line.startsWith('#') || line.trim() === '') continue
    const [verb = '', ...words] = line.trim().split(/\s+/)
    output.push(...stage.run(verb, new Words(words)))
    for (const problem of stage.allocator.check()) output.push(`BROKEN after '${line}': ${problem}`)
  }
  return output.length === 0 ? commands.join('\n') : [...commands, '----', ...output].join('\n')
}

/** The words of a command: some by position, some as `name=value`. */
class Words {
  readonly #plain: string[] = []
  readonly #named = new Map<string, string>()

  constructor(words: readonly string[]) {
    for (const word of words) {
      const named = /^(?<name>[a-z]+)=(?<value>.*)$/.exec(word)?.groups
      if (named?.['name'] === undefined) this.#plain.push(word)
      else this.#named.set(named['name'], named['value'] ?? '')
    }
  }

  at(index: number): string {
    const word = this.#plain[index]
    if (word === undefined) throw new Error(`Word ${index + 1} of a command is missing`)
    return word
  }

  has(word: string): boolean {
    return this.#plain.includes(word)
  }

  named(name: string): string | undefined {
    return this.#named.get(name)
  }

  list(name: string): string[] {
    return this.named(name)?.split(',') ?? []
  }
}

class Stage {
  readonly allocator: Allocator = new DrfAllocator({ random: seededRandom(1) })
  #now = 0
  /** Offers that are out, by framework, agent and role. */
  readonly #offers = new Map<string, Resources>()

  run(verb: string, words: Words): readonly string[] {
    const command = this.#commands[verb]
    if (command === undefined) throw new Error(`There is no command '${verb}'`)
    return command(words) ?? []
  }

  readonly #commands: Readonly<Record<string, (words: Words) => readonly string[] | void>> = {
    framework: (words) => this.allocator.addFramework(words.at(0), frameworkOptions(words)),
    update: (words) => this.allocator.updateFramework(words.at(0), frameworkOptions(words)),
    'remove-framework': (words) => this.allocator.removeFramework(words.at(0)),
    activate: (words) => this.allocator.activateFramework(words.at(0)),
    deactivate: (words) => this.allocator.deactivateFramework(words.at(0)),
    suppress: (words) => this.allocator.suppress(words.at(0), words.at(1).split(',')),
    revive: (words) => this.allocator.revive(words.at(0), words.at(1).split(',')),
    agent: (words) => this.allocator.addAgent(words.at(0), agentOptions(words), used(words)),
    total: (words) => this.allocator.updateAgentTotal(words.at(0), amounts(words)),
    'remove-agent': (words) => {
      this.allocator.removeAgent(words.at(0))
      for (const key of this.#offers.keys()) if (key.split(' ')[1] === words.at(0)) this.#offers.delete(key)
    },
    'activate-agent': (words) => this.allocator.activateAgent(words.at(0)),
    'deactivate-agent': (words) => this.allocator.deactivateAgent(words.at(0)),
    weight: (words) => this.allocator.setWeight(words.at(0), Number(words.at(1))),
    whitelist: (words) =>
      this.allocator.setWhitelist(words.has('everybody') ? undefined : new Set(words.list('hosts'))),
    advance: (words) => {
      this.#now += Number(words.at(0)) * 1000
    },
    allocate: (words) => this.#allocate(words.list('agents')),
    decline: (words) => this.#answer(words, Resources.empty),
    accept: (words) => this.#answer(words, amounts(words, 2)),
    finish: (words) => {
      const [frameworkId, agentId] = [words.at(0), words.at(1)]
      const role = words.named('role') ?? 'web'
      this.allocator.recover(frameworkId, agentId, amounts(words, 2).allocateTo(role), {}, this.#now)
    },
    shares: () =>
      this.allocator.shares().map(({ role, share, booked, frameworks }) => {
        const holds = booked.size === 0 ? 'nothing' : quantitiesText(booked)
        return `share ${role} ${share.toFixed(3)} holds ${holds} frameworks ${frameworks.join(',')}`
      }),
    available: (words) => [`available ${words.at(0)} ${shown(this.allocator.available(words.at(0)))}`],
    filters: () => {
      const counts = [...this.allocator.filterCounts()].map(([role, count]) => `${role}=${count}`)
      return [`filters ${counts.length === 0 ? 'none' : counts.join(' ')}`]
    },
  }

  #allocate(agents: readonly string[]): readonly string[] {
    const allocations = this.allocator.allocate(this.#now, agents.length === 0 ? undefined : agents)
    if (allocations.length === 0) return ['no offers']
    return allocations.map(({ frameworkId, agentId, role, resources }) => {
      const key = `${frameworkId} ${agentId} ${role}`
      this.#offers.set(key, (this.#offers.get(key) ?? Resources.empty).plus(resources))
      return `offer ${key} ${shown(resources.unallocated())}`
    })
  }

  /** Keeps `kept` of an offer and gives back the rest. */
  #answer(words: Words, kept: Resources): void {
    const prefix = `${words.at(0)} ${words.at(1)} `
    const key = [...this.#offers.keys()].find((one) =>
      words.named('role') === undefined ? one.startsWith(prefix) : one === prefix + words.named('role'),
    )
    if (key === undefined) throw new Error(`There is no offer ${prefix}`)
    const offered = this.#offers.get(key) ?? Resources.empty
    this.#offers.delete(key)
    const rest = offered.minus(kept.allocateTo(key.split(' ')[2] ?? '*'))
    const refuse = words.named('refuse')
    const filters = refuse === undefined ? {} : { refuseMs: Number(refuse) * 1000 }
    this.allocator.recover(words.at(0), words.at(1), rest, filters, this.#now)
  }
}

function frameworkOptions(words: Words): FrameworkOptions {
  const min = words.named('min')
  const roles = words.list('role')
  const constraints = words.named('constraints')
  return {
    roles,
    suppressedRoles: words.list('suppressed'),
    capabilities: new Set(words.list('caps')),
    minAllocatable:
      min === undefined ? undefined : new Map(roles.map((role) => [role, given(parseMinAllocatable(min))])),
    offerConstraints:
      constraints === undefined
        ? undefined
        : given(compileConstraints(JSON.parse(constraints) as OfferConstraints)),
    active: !words.has('inactive'),
  }
}

function agentOptions(words: Words): AgentOptions {
  return {
    hostname: words.named('host') ?? `host-${words.at(0)}`,
    attributes: given(parseAttributes(words.named('attributes') ?? '')),
    total: amounts(words),
    active: !words.has('inactive'),
  }
}

/** `used=F1/web/cpus:1;mem:2` */
function used(words: Words): ReadonlyMap<string, Resources> {
  const [frameworkId, role, ...text] = words.named('used')?.split('/') ?? []
  if (frameworkId === undefined || role === undefined) return new Map()
  return new Map([[frameworkId, given(Resources.parse(text.join('/'))).allocateTo(role)]])
}

/** `cpus:2;mem:64 revocable=cpus:1`; `-` for nothing. */
function amounts(words: Words, at = 1): Resources {
  const text = words.at(at)
  const revocable = given(Resources.parse(words.named('revocable') ?? '')).markRevocable()
  return given(Resources.parse(text === '-' ? '' : text)).plus(revocable)
}

function shown(resources: Resources): string {
  const firm = resources.nonRevocable()
  const revocable = resources.revocable()
  const parts = firm.isEmpty
    ? []
    : [
        firm.reserved().entries.some((entry) => entry.identity.reservations.length > 1)
          ? firm.toText()
          : firm.toFlag(),
      ]
  if (!revocable.isEmpty)
    parts.push(`revocable ${revocable.toText().replaceAll('{REV}', '').replaceAll('; ', ';')}`)
  return parts.length === 0 ? 'nothing' : parts.join(' ')
}

function given<T extends object>(value: T | { readonly rejected: true; readonly message: string }): T {
  if ('rejected' in value) throw new Error((value as { readonly message: string }).message)
  return value
}
