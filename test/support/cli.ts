// Runs the command line as a user does: as a process, with its streams and its exit code.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The command line of this clone; an installed one is another. */
export const CLONE: readonly string[] = [
  process.execPath,
  join(import.meta.dirname, '..', '..', 'src', 'cli', 'tepui.ts'),
]

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export class Run {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''

  constructor(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    program: readonly string[] = CLONE,
  ) {
    const [file = '', ...first] = program
    const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/', ...environment }
    this.child = spawn(file, [...first, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }))
    })
  }
}

/** A whole run of a command. */
export function tepui(
  args: readonly string[],
  environment?: Readonly<Record<string, string>>,
): Promise<Ended> {
  return new Run(args, environment).ended
}

/** `tepui up` in a folder of its own; ends with Ctrl-C. */
export class Up implements AsyncDisposable {
  readonly run: Run
  readonly folder: string
  readonly master: string

  private constructor(run: Run, folder: string, master: string) {
    this.run = run
    this.folder = folder
    this.master = master
  }

  static async start(
    args: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
    program: readonly string[] = CLONE,
  ): Promise<Up> {
    const folder = mkdtempSync(join(tmpdir(), 'tepui-e2e-'))
    const words = ['up', '-o', 'json', '--port', '0', '--data', folder, ...args]
    const run = new Run(words, environment, program)
    const line = await new Promise<string>((resolve, reject) => {
      run.child.stdout?.on('data', () => run.stdout.includes('\n') && resolve(run.stdout))
      void run.ended.then(({ code, stderr }) => {
        rmSync(folder, { recursive: true, force: true })
        reject(new Error(`tepui up ended with ${code}: ${stderr}`))
      })
    })
    const { address } = (JSON.parse(line) as { master: { address: { ip: string; port: number } } }).master
    return new Up(run, folder, `${address.ip}:${address.port}`)
  }

  /** A command against this cluster. */
  tepui(...args: readonly string[]): Promise<Ended> {
    return tepui(args, { TEPUI_MASTER: this.master })
  }

  start(...args: readonly string[]): Run {
    return new Run(args, { TEPUI_MASTER: this.master })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.run.child.kill('SIGINT')
    await this.run.ended
    rmSync(this.folder, { recursive: true, force: true })
  }
}
