// A command beside the one that a host container runs, with streams or a terminal of its own: inside of its groups.
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import type { Readable } from 'node:stream'
import type { Clock } from '../../base/clock.ts'
import { OperatingError } from '../../base/errors.ts'
import { type ProcessGroup, runCommand, startGroup } from '../../base/exec.ts'
import type { CommandInfo } from '../../wire/commands.ts'
import type { ContainerSpec } from '../containerizer.ts'
import {
  killSession,
  type OutputName,
  type Session,
  SESSION_MARK,
  type SessionWish,
  statusOfCode,
  type WindowSize,
  writeTo,
} from '../session.ts'
import { prepareCommand } from './command.ts'
import { ENTER } from './execute.ts'
import { NewestSize } from '../newest-size.ts'
import { signalNumberOf } from './exit.ts'
import type { Fence } from './fence.ts'
import { processArguments, processTable, treeOf } from './process-table.ts'

interface Place {
  readonly spec: ContainerSpec
  readonly fence: Fence
  readonly clock: Clock
}

/** After its end and that of all that it started, output can only come from processes that hide from us. */
const LAST_OUTPUT_MS = 1000
const SCRIPT = '/usr/bin/script'
/** Arguments of the shell on a new terminal, which becomes the command, and of what sets the first size for it. */
const BEFORE_COMMAND = /stty sane rows \d+ cols \d+/

/**
 * With the task's user, folder and environment. What it leaves in the background ends with it.
 *
 * @throws OperatingError LAUNCH when it cannot be started
 */
export async function openHostSession(place: Place, wish: SessionWish): Promise<Session> {
  const { fence, spec } = place
  const own = (wish.command.environment?.variables ?? []).map(
    ({ name, value = '' }) => [name, value] as const,
  )
  const marked = { ...spec.environment, ...Object.fromEntries(own), [SESSION_MARK]: wish.id }
  const user = wish.command.user ?? spec.user
  const base = { ...spec, user, container: undefined }
  const prepared =
    wish.terminal === undefined
      ? await prepareCommand({ ...base, command: wish.command, environment: marked })
      : await prepareCommand({ ...base, ...inTerminal(wish.command, marked, wish.terminal) })
  const args = ['-c', ENTER, 'session', ...fence.entrances, '--', ...prepared.argv]
  const group = await startGroup('/bin/sh', args, { cwd: spec.sandbox, env: prepared.environment })
  return new HostSession(place, wish, group)
}

/** A terminal is made by util-linux's `script`, which runs the command on it for the shell named in SHELL. */
function inTerminal(
  command: CommandInfo,
  environment: Readonly<Record<string, string>>,
  { columns, rows }: WindowSize,
): { command: CommandInfo; environment: Readonly<Record<string, string>> } {
  if (!existsSync(SCRIPT))
    throw new OperatingError('LAUNCH', `${SCRIPT} is missing on the agent's machine: there is no terminal`, {
      hint: "Install bsdutils (util-linux's script) there, or leave out -t",
    })
  const { arguments: given = [], shell, value = '' } = command
  const argv = shell === false ? [value, ...given.slice(1)] : ['/bin/sh', '-c', value]
  const before = environment['SHELL']
  const shown = before === undefined ? 'unset SHELL' : `export SHELL=${quoted(before)}`
  const line = `stty sane rows ${rows} cols ${columns} 2>/dev/null; ${shown}; exec ${argv.map(quoted).join(' ')}`
  return {
    command: { shell: false, value: SCRIPT, arguments: ['script', '-qefc', line, '/dev/null'] },
    environment: { TERM: 'xterm', ...environment, SHELL: '/bin/sh' },
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

class HostSession implements Session {
  readonly exited: Promise<number>
  readonly #place: Place
  readonly #wish: SessionWish
  readonly #group: ProcessGroup
  readonly #size: NewestSize
  #hasEnded = false

  constructor(place: Place, wish: SessionWish, group: ProcessGroup) {
    this.#place = place
    this.#wish = wish
    this.#group = group
    this.exited = this.#watch()
    this.#size = new NewestSize({
      clock: place.clock,
      set: (size) => this.#setSize(size),
      isOver: () => this.#hasEnded,
    })
  }

  async follow(take: (stream: OutputName, piece: Buffer) => Promise<void>): Promise<void> {
    const { stderr, stdout } = this.#group
    const copy = async (stream: Readable, name: OutputName): Promise<void> => {
      try {
        for await (const piece of stream as AsyncIterable<Buffer>) await take(name, piece)
      } catch (error) {
        // Given up by us after the end.
        if (!stream.destroyed) throw error
      }
    }
    await Promise.all([copy(stdout, 'STDOUT'), copy(stderr, 'STDERR')])
  }

  write(bytes: Uint8Array): Promise<void> {
    return writeTo(this.#group.stdin, bytes)
  }

  endInput(): void {
    this.#group.stdin.end()
  }

  resize(size: WindowSize): void {
    if (this.#wish.terminal !== undefined) this.#size.want(size)
  }

  async signal(number: number): Promise<void> {
    const [first = this.#group.pid] = this.#wish.terminal === undefined ? [] : this.#below()
    if (this.#hasEnded) return
    try {
      process.kill(first, number)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }

  async end(): Promise<void> {
    if (!this.#hasEnded) this.#kill(this.#group.pid)
  }

  #kill(pid: number | undefined): void {
    const { fence } = this.#place
    const inside = fence.path === undefined ? undefined : (): readonly number[] => fence.processes()
    killSession(pid, this.#wish.id, inside)
  }

  async #watch(): Promise<number> {
    const ended = await this.#group.exited
    // From here on the number may be another's.
    this.#hasEnded = true
    this.#group.kill()
    this.#kill(undefined)
    void this.#giveUpOutput()
    return ended.exitCode === undefined ? signalNumberOf(ended.signal) : statusOfCode(ended.exitCode)
  }

  async #giveUpOutput(): Promise<void> {
    await this.#place.clock.sleep(LAST_OUTPUT_MS)
    this.#group.stdout.destroy()
    this.#group.stderr.destroy()
  }

  /** The processes below `script`, the oldest first. */
  #below(): readonly number[] {
    const { pid } = this.#group
    const below = treeOf(processTable(), new Set([pid]), undefined, pid)
    return below.toSorted((a, b) => a.startTicks - b.startTicks).map((entry) => entry.pid)
  }

  async #setSize({ columns, rows }: WindowSize): Promise<boolean> {
    const terminal = this.#terminal()
    if (terminal === undefined) return false
    const size = ['rows', String(rows), 'cols', String(columns)]
    return (await runCommand('stty', ['-F', terminal, ...size])).exitCode === 0
  }

  /** Undefined until the command has it: the first size would come over another. */
  #terminal(): string | undefined {
    for (const pid of this.#below()) {
      if (BEFORE_COMMAND.test((processArguments(pid) ?? '').replaceAll('\0', ' '))) continue
      const path = openFiles(pid).find((file) => /^\/dev\/pts\/\d+$/.test(file))
      if (path !== undefined) return path
    }
    return undefined
  }
}

function openFiles(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`))
  } catch {
    // It has ended meanwhile.
    return []
  }
}
