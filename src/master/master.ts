/** The door of the master: starts one in a daemon, beside agents in one process, or in a test with its own clock. */
import type { Clock } from '../base/clock.ts'
import type { ParsedFlags } from '../base/flags.ts'
import type { Logger } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { Scope } from '../base/scope.ts'
import type { Address, MachineAddresses } from '../http/address.ts'
import type { MASTER_FLAGS } from './flags.ts'
import { startUp } from './start-up.ts'

export interface MasterDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** What this machine says about its addresses; read from it when left out. */
  readonly machine?: MachineAddresses
  /** Finds the name of an address; the resolver's answer when left out. */
  readonly lookup?: (ip: string) => Promise<string>
}

/** A running master; disposing it ends its streams and closes its port. */
export interface Master extends AsyncDisposable {
  readonly id: string
  /** As it is told to others. */
  readonly address: Address
}

/**
 * Starts a master and resolves when it listens and leads.
 *
 * @param flags from `parseFlags(MASTER_FLAGS, argv, environment, MASTER_FLAGS_NOT_YET)`
 * @throws OperatingError USAGE for flags that cannot be meant together, PORT_TAKEN when the address is in use
 *
 * @example
 * await using master = await startMaster(flags, { clock: systemClock, random: systemRandom, log })
 * print(`Listening on ${master.address.hostname}:${master.address.port}`)
 */
export async function startMaster(
  flags: ParsedFlags<typeof MASTER_FLAGS>,
  deps: MasterDeps,
): Promise<Master> {
  const scope = new Scope()
  try {
    const { id, port, hostname = '', address } = await startUp(scope, flags, deps)
    return {
      id,
      address: { ip: address?.ip ?? '', port, hostname },
      [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
    }
  } catch (error) {
    await scope[Symbol.asyncDispose]()
    throw error
  }
}
