// The life of a cluster in virtual machines, step by step: `npm run test:vm`. Each step says what it saw.
import { parseArgs } from 'node:util'
import { systemClock } from '../../src/base/clock.ts'
import { Bed } from './bed.ts'
import { docker, image, owners } from './kernel.ts'
import { lending } from './lent.ts'
import { demo, powers, restarts } from './life.ts'
import { Machines } from './machines.ts'
import { Steps, wanted } from './steps.ts'

const { values: options } = parseArgs({
  options: {
    project: { type: 'string', default: '' },
    box: { type: 'string', default: '' },
    package: { type: 'string', default: '' },
    agents: { type: 'string', default: '1' },
    /** Chapters, in place of all: on machines that are up, when `up` is not among them. */
    only: { type: 'string' },
    /** Does not destroy machines on which a step failed, until the run is interrupted. */
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

const environment = {
  ...process.env,
  VM_AGENTS: options.agents,
  VM_BOX: 'tepui/proof',
  VM_BOX_URL: `file://${options.box}`,
  VM_PACKAGE: options.package,
  // More than most machines that carry them have would be full for the kernel in there and not for an owner.
  VM_AGENT_CPUS: process.env['VM_AGENT_CPUS'] ?? '2',
  VM_MEMORY: process.env['VM_MEMORY'] ?? '1536',
  // Whether /dev/kvm runs any kernel is not known before; emulation always does.
  VM_DRIVER: process.env['VM_DRIVER'] ?? 'qemu',
  VAGRANT_DEFAULT_PROVIDER: 'libvirt',
}
const machines = new Machines({ project: options.project, environment })
const steps = new Steps()

async function up({ agentCount }: Bed): Promise<void> {
  await steps.step('vagrant validate', () => machines.vagrant(5, 'validate'))
  await steps.step(
    'vagrant up',
    async () => {
      const said = await machines.vagrant(60, 'up', '--no-tty')
      const verdicts = (said.match(/(PASS|FAIL|WARN) {2}.*/g) ?? []).map((line) => line.trim())
      const count = (name: string): number => verdicts.filter((line) => line.includes(name)).length
      wanted(!verdicts.some((line) => line.startsWith('FAIL')), 'expected no FAIL', verdicts)
      wanted(count('service tepui-agent') === agentCount, 'expected every agent to start', verdicts)
      return verdicts
    },
    60,
  )
}

async function destroy(): Promise<void> {
  await steps.step('vagrant destroy', async () => {
    await machines.vagrant(10, 'destroy', '-f')
    const virsh = async (...words: readonly string[]): Promise<string[]> =>
      (await machines.run(1, 'virsh', '-c', 'qemu:///system', ...words))
        .split('\n')
        .filter((line) => line.trim() !== '')
    const left = await virsh('list', '--all', '--name')
    const disks = (await virsh('vol-list', 'default')).filter((line) => /\.(img|raw|qcow2)/.test(line))
    const saw = { machines: left, disks: disks.map((line) => line.trim().split(/\s+/)[0]) }
    wanted(left.length === 0, 'expected no machine', saw)
    // The box's own disk is Vagrant's, as the box is: `vagrant box remove` is for both.
    wanted(
      saw.disks.every((name) => name?.includes('box') === true),
      'expected no disk of a machine',
      saw,
    )
    return saw
  })
}

const CHAPTERS: Readonly<Record<string, (bed: Bed) => Promise<void>>> = {
  up,
  powers,
  owners,
  image,
  docker,
  lending,
  restarts,
  demo,
  destroy,
}

function chosen(): readonly string[] {
  const known = Object.keys(CHAPTERS)
  const names = options.only?.split(',') ?? known
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length === 0) return names
  process.stderr.write(`test:vm: there is no chapter '${unknown[0]}'\n  fix: ${known.join(', ')}\n`)
  process.exit(64)
}

async function main(): Promise<number> {
  const bed = new Bed({ machines, steps, agents: Number(options.agents) })
  let isDown = false
  for (const name of chosen()) {
    if (name === 'destroy' && options.keep && !steps.passed) await interrupted()
    // Without machines there is nothing to look at, but what there is goes.
    if (isDown && name !== 'destroy') continue
    await CHAPTERS[name]?.(bed)
    isDown ||= name === 'up' && !steps.passed
  }
  if (options.json)
    process.stdout.write(`${JSON.stringify({ passed: steps.passed, steps: steps.done }, null, 2)}\n`)
  return steps.passed ? 0 : 1
}

async function interrupted(): Promise<void> {
  process.stderr.write(
    `The machines are kept: nsenter -t ${process.pid} -m -n -p sh; kill -INT ${process.pid} ends it\n`,
  )
  let isOver = false
  process.once('SIGINT', () => (isOver = true))
  // A handler of signals alone keeps no process alive.
  while (!isOver) await systemClock.sleep(500)
}

process.exitCode = await main()
