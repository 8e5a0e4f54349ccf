// The life of a cluster in virtual machines, step by step: `npm run test:vm`. Each step says what it saw.
import { execFile } from 'node:child_process'
import { parseArgs } from 'node:util'
import { systemClock } from '../../src/base/clock.ts'
import { commandTask, dockerTask } from '../../src/sdk/sdk.ts'
import { RealFramework } from '../support/real-cluster.ts'
import { until } from '../faults/until.ts'

const { values: options } = parseArgs({
  options: {
    project: { type: 'string', default: '' },
    box: { type: 'string', default: '' },
    package: { type: 'string', default: '' },
    agents: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
})

interface Step {
  readonly name: string
  readonly passed: boolean
  readonly seconds: number
  readonly saw: unknown
}

const MINUTE = 60_000
const IMAGE = 'tepui/busybox:latest'
const AGENTS = Number(options.agents)
const MASTER = { ip: '127.0.0.1', port: 5050, hostname: '127.0.0.1' }
const ENVIRONMENT = {
  ...process.env,
  VM_AGENTS: options.agents,
  VM_BOX: 'tepui/proof',
  VM_BOX_URL: `file://${options.box}`,
  VM_PACKAGE: options.package,
  VM_AGENT_CPUS: process.env['VM_AGENT_CPUS'] ?? '2',
  // Whether /dev/kvm runs any kernel is not known before; emulation always does.
  VM_DRIVER: process.env['VM_DRIVER'] ?? 'qemu',
  VAGRANT_DEFAULT_PROVIDER: 'libvirt',
}
const ENDLESS = new AbortController().signal
const steps: Step[] = []

/** Runs a program of the machine that carries the others; its output. Fails with the last words of one that fails. */
function run(minutes: number, file: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { timeout: minutes * MINUTE, maxBuffer: 64 * 1024 * 1024 }
    execFile(
      file,
      [...args],
      { cwd: options.project, env: ENVIRONMENT, ...limits },
      (error, stdout, stderr) => {
        const said = stdout.toString()
        if (error === null) return resolve(said)
        const words = `${said}\n${stderr.toString()}`.trim().split('\n').slice(-12).join('\n')
        reject(new Error(`${file} ${args.join(' ')} failed: ${words}`))
      },
    )
  })
}

const vagrant = (minutes: number, ...args: readonly string[]): Promise<string> =>
  run(minutes, 'vagrant', ...args, '--no-color')

/** A line of the shell, as root, in one of the machines. */
const inside = (machine: string, line: string, minutes = 10): Promise<string> =>
  run(minutes, 'vagrant', 'ssh', machine, '--no-tty', '-c', `sudo sh -c '${line}'`)

async function step(name: string, work: () => Promise<unknown>): Promise<void> {
  const begun = systemClock.monotonic()
  let passed = true
  const saw = await work().catch((error: unknown) => {
    passed = false
    return error instanceof Error ? error.message : String(error)
  })
  const seconds = Math.round((systemClock.monotonic() - begun) / 1000)
  steps.push({ name, passed, seconds, saw })
  process.stderr.write(`${passed ? 'PASS' : 'FAIL'}  ${name} (${seconds} s)  ${JSON.stringify(saw)}\n`)
}

function wanted(condition: boolean, what: string, saw: unknown): void {
  if (!condition) throw new Error(`${what}; saw ${JSON.stringify(saw)}`)
}

interface AgentPage {
  readonly id: string
  readonly hostname: string
  readonly active: boolean
}

/** Through the one port that is forwarded. */
async function agents(): Promise<readonly AgentPage[]> {
  const page = (await (await fetch(`http://127.0.0.1:${MASTER.port}/slaves`)).json()) as {
    slaves: AgentPage[]
  }
  return page.slaves.filter(({ active }) => active)
}

async function agentsBack(minutes: number): Promise<readonly AgentPage[]> {
  const allThere = async (): Promise<boolean> => (await agents().catch(() => [])).length === AGENTS
  await until(allThere, minutes * MINUTE, `${AGENTS} agents were there`, ENDLESS)
  return agents()
}

/** The files of the control group that a task's first process is in. */
async function groupOf(pid: number, ...files: readonly string[]): Promise<Record<string, string>> {
  const path = '/sys/fs/cgroup$(cut -d: -f3 /proc/' + pid + '/cgroup)'
  const names = files.map((name) => `echo ${name}=$(tr "\\n" " " <${path}/${name})`)
  const lines = (await inside('a1', names.join('; '))).trim().split(/\r?\n/)
  return Object.fromEntries(
    lines.map((line) => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1).trim()]),
  )
}

async function tasks(): Promise<void> {
  const about = { checkpoint: true, failover_timeout: 3600 }
  await using framework = await RealFramework.subscribe({ address: MASTER }, ['PARTITION_AWARE'], about)
  await step('a Docker task runs and its end is told', async () => {
    await framework.launch((offer) =>
      dockerTask({ id: 'boxed', offer, image: IMAGE, command: 'exit 7', cpus: 0.1, mem: 64 }),
    )
    const { message, state } = await framework.end('boxed')
    wanted(state === 'TASK_FAILED' && /status 7/.test(message ?? ''), 'expected status 7', { state, message })
    return { state, message }
  })
  await step('cgroup v2: a task is held to its memory by the kernel, and told so', async () => {
    const command = 'head -c 200000000 /dev/zero | tail -c 190000000 | wc -c'
    await framework.launch((offer) => commandTask({ id: 'hog', offer, command, cpus: 0.1, mem: 48 }))
    const { message, reason } = await framework.end('hog')
    wanted(reason === 'REASON_CONTAINER_LIMITATION_MEMORY', 'expected the limit as reason', {
      reason,
      message,
    })
    return message
  })
  await step('cgroup v2: limits and pressure of a task that runs', async () => {
    await framework.launch((offer) =>
      commandTask({ id: 'stays', offer, command: 'sleep 100000', cpus: 0.1, mem: 64 }),
    )
    const { container_status } = await framework.status('stays', 'TASK_RUNNING')
    const pid = container_status?.executor_pid ?? 0
    const saw = await groupOf(pid, 'memory.max', 'pids.max', 'cpu.weight', 'cpu.pressure', 'cgroup.freeze')
    wanted(saw['memory.max'] === String(64 * 1024 * 1024), 'expected 64 MB', saw)
    wanted(/some avg10=/.test(saw['cpu.pressure'] ?? ''), 'expected pressure', saw)
    return { pid, ...saw }
  })
  await step('tasks survive a restart of their agent', async () => {
    const before = framework.statuses.at(-1)?.container_status?.executor_pid
    await inside('a1', 'systemctl restart tepui-agent')
    await agentsBack(10)
    const heard = framework.statuses.length
    await framework.client.reconcile()
    const told = await framework.until(() => framework.statuses.slice(heard).at(-1))
    wanted(told.state === 'TASK_RUNNING', 'expected it to run on', told)
    return { pid: before, state: told.state, alive: await inside('a1', `ls -d /proc/${before}`) }
  })
  await step('an agent comes back after a reboot as itself, and tells what the reboot ended', async () => {
    const [before] = await agents()
    await inside('a1', 'systemctl reboot').catch(() => 'the connection ended with the machine')
    const isAway = async (): Promise<boolean> => !(await agents()).some(({ id }) => id === before?.id)
    await until(isAway, 5 * MINUTE, 'the agent was away', ENDLESS)
    const [after] = await agentsBack(15)
    wanted(AGENTS > 1 || after?.id === before?.id, 'expected the same id', { before, after })
    const end = await framework.end('stays')
    await framework.launch((offer) =>
      commandTask({ id: 'after', offer, command: 'exit 0', cpus: 0.1, mem: 32 }),
    )
    const { state } = await framework.end('after')
    wanted(state === 'TASK_FINISHED', 'expected a task to run after it', state)
    return { agent: after?.id, ended: end.state, message: end.message }
  })
}

async function main(): Promise<number> {
  await step('vagrant validate', () => vagrant(5, 'validate'))
  await step('vagrant up', async () => {
    const said = await vagrant(60, 'up', '--no-parallel', '--no-tty')
    const verdicts = said.match(/(PASS|FAIL|WARN) {2}.*/g) ?? []
    return verdicts.map((line) => line.trim())
  })
  if (steps.at(-1)?.passed === true) {
    await step('agents register, each with the address of its own', async () => {
      const names = (await agentsBack(10)).map(({ hostname }) => hostname).toSorted()
      const expected = Array.from({ length: AGENTS }, (_, index) => `192.168.56.${11 + index}`)
      wanted(JSON.stringify(names) === JSON.stringify(expected), `expected ${expected.join(', ')}`, names)
      return names
    })
    await step('cgroup v2 and what the agent makes of it', async () => {
      const kind = (await inside('a1', 'stat -fc %T /sys/fs/cgroup')).trim()
      wanted(kind === 'cgroup2fs', 'expected cgroup2fs', kind)
      const log = await inside(
        'a1',
        'journalctl -u tepui-agent -o cat --no-pager | grep -E "^(isolation|lending):" | tail -n 2',
      )
      const idle = await inside(
        'a1',
        'cat $(find /sys/fs/cgroup -maxdepth 3 -name "*lent*" -type d | head -n 1)/cpu.idle',
      )
      for (const power of ['memory limit', 'cpu idle', 'freeze', 'pressure', 'kill'])
        wanted(log.includes(power), `expected the power ${power}`, log)
      wanted(idle.trim() === '1', 'expected borrowers in the idle class', idle)
      return {
        kind,
        kernel: (await inside('a1', 'uname -r')).trim(),
        log: log.trim().split(/\r?\n/),
        idle: idle.trim(),
      }
    })
    await step('an image without a registry', async () =>
      (await inside('a1', `tepui image build ${IMAGE}`)).trim(),
    )
    await tasks()
    await step('the lending demo', async () => {
      await inside('a1', 'systemctl stop tepui-agent')
      const said = await inside('a1', 'tepui demo --json --for 20m', 25)
      return JSON.parse(said.slice(said.indexOf('{'))) as unknown
    })
  }
  await step('vagrant destroy', async () => {
    await vagrant(10, 'destroy', '-f')
    const left = (await run(1, 'virsh', '-c', 'qemu:///system', 'list', '--all', '--name')).trim()
    wanted(left === '', 'expected no machine', left)
    return 'no machine is left'
  })
  const passed = steps.every((one) => one.passed)
  if (options.json) process.stdout.write(`${JSON.stringify({ passed, steps }, null, 2)}\n`)
  return passed ? 0 : 1
}

process.exitCode = await main()
