// Vagrant and its machines, from the machine that carries them.
import { execFile } from 'node:child_process'

const MINUTE = 60_000

export interface Place {
  /** Folder with the Vagrantfile. */
  readonly project: string
  readonly environment: NodeJS.ProcessEnv
}

export class Machines {
  readonly #place: Place

  constructor(place: Place) {
    this.#place = place
  }

  /** Runs a program here; its output. Rejects with the last words of one that fails. */
  run(minutes: number, file: string, ...args: readonly string[]): Promise<string> {
    const { environment, project } = this.#place
    const limits = { timeout: minutes * MINUTE, maxBuffer: 64 * 1024 * 1024 }
    return new Promise((resolve, reject) => {
      execFile(file, [...args], { cwd: project, env: environment, ...limits }, (error, stdout, stderr) => {
        const said = stdout.toString()
        if (error === null) return resolve(said)
        const words = `${said}\n${stderr.toString()}`.trim().split('\n').slice(-12).join('\n')
        const what = args.join(' ').slice(0, 200)
        reject(new Error(`${file} ${what} failed${error.killed === true ? ' (time is up)' : ''}: ${words}`))
      })
    })
  }

  vagrant(minutes: number, ...args: readonly string[]): Promise<string> {
    return this.run(minutes, 'vagrant', ...args, '--no-color')
  }

  /** A script for the shell, as root, in one of the machines. It is sent as letters that no shell on the way reads. */
  inside(machine: string, script: string, minutes = 10): Promise<string> {
    const letters = Buffer.from(script).toString('base64')
    const line = `echo ${letters} | base64 -d | sudo sh`
    return this.run(minutes, 'vagrant', 'ssh', machine, '--no-tty', '-c', line)
  }

  /** The lines that a script in one of the machines prints. */
  async lines(machine: string, script: string, minutes = 10): Promise<string[]> {
    const said = (await this.inside(machine, script, minutes)).trim()
    return said === '' ? [] : said.split(/\r?\n/)
  }
}
