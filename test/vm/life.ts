// The life of an agent's machine: a restart of the service, a reboot, the lending demo on it.
import { commandTask } from '../../src/sdk/sdk.ts'
import { RealFramework } from '../support/real-cluster.ts'
import { type Bed, isRoomy } from './bed.ts'
import { wanted } from './steps.ts'

export async function powers(bed: Bed): Promise<void> {
  const { machines, steps } = bed
  await steps.step('agents register, each with the address of its own', async () => {
    const names = (await bed.agentsBack(10)).map(({ hostname }) => hostname).toSorted()
    const expected = Array.from({ length: bed.agentCount }, (_, index) => `192.168.56.${11 + index}`)
    wanted(JSON.stringify(names) === JSON.stringify(expected), `expected ${expected.join(', ')}`, names)
    return names
  })
  await steps.step('cgroup v2 and what the agent makes of it', async () => {
    const kind = (await machines.inside('a1', 'stat -fc %T /sys/fs/cgroup')).trim()
    wanted(kind === 'cgroup2fs', 'expected cgroup2fs', kind)
    const said = 'journalctl -u tepui-agent -o cat --no-pager | grep -E "^(isolation|lending):" | tail -n 2'
    const log = await machines.lines('a1', said)
    for (const power of ['cpu quota', 'memory limit', 'cpu idle', 'freeze', 'pressure', 'kill'])
      wanted(log.join('\n').includes(power), `expected the power ${power}`, log)
    return { kind, kernel: (await machines.inside('a1', 'uname -r')).trim(), log }
  })
}

export async function restarts(bed: Bed): Promise<void> {
  const { machines, steps } = bed
  const about = { checkpoint: true, failover_timeout: 3600 }
  const framework = await RealFramework.subscribe({ address: bed.master }, ['PARTITION_AWARE'], about)
  await steps.step('tasks survive a restart of their agent', async () => {
    await framework.launch(
      (offer) => commandTask({ id: 'stays', offer, command: 'sleep 100000', cpus: 0.1, mem: 64 }),
      isRoomy,
    )
    const first = await framework.status('stays', 'TASK_RUNNING')
    const pid = first.container_status?.executor_pid
    await machines.inside('a1', 'systemctl restart tepui-agent')
    await bed.agentsBack(10)
    const heard = framework.statuses.length
    await framework.client.reconcile()
    const told = await framework.until(() => framework.statuses.slice(heard).at(-1))
    wanted(told.state === 'TASK_RUNNING', 'expected it to run on', told)
    const alive = (await machines.inside('a1', `ls -d /proc/${pid}`)).trim()
    return { pid, state: told.state, alive }
  })
  await steps.step(
    'an agent comes back after a reboot as itself, and tells what the reboot ended',
    async () => {
      const running = await framework.status('stays', 'TASK_RUNNING')
      const id = running.agent_id?.value
      const bootOf = async (): Promise<string> =>
        (await machines.inside('a1', 'cat /proc/sys/kernel/random/boot_id')).trim()
      const boot = await bootOf()
      await machines.inside('a1', 'systemctl reboot').catch(() => 'the connection ended with the machine')
      await bed.awayWithin(5, id)
      const after = await bed.agentsBack(15)
      wanted(
        after.some((one) => one.id === id),
        'expected the same id',
        { before: id, after },
      )
      const end = await framework.end('stays')
      wanted(end.state === 'TASK_FAILED' && /started anew/.test(end.message ?? ''), 'expected the cause', end)
      await framework.launch(
        (offer) => commandTask({ id: 'after', offer, command: 'exit 0', cpus: 0.1, mem: 32 }),
        isRoomy,
      )
      const { state } = await framework.end('after')
      wanted(state === 'TASK_FINISHED', 'expected a task to run after it', state)
      const bootNow = await bootOf()
      wanted(bootNow !== boot, 'expected another boot', boot)
      return { agent: id, boots: [boot, bootNow], ended: end.state, message: end.message, after: state }
    },
    25,
  )
  await framework.client.teardown().catch((error: unknown) => error)
  await framework[Symbol.asyncDispose]()
}

export async function demo({ machines, steps }: Bed): Promise<void> {
  await steps.step(
    'the lending demo',
    async () => {
      await machines.inside('a1', 'systemctl stop tepui-agent')
      const said = await machines.inside('a1', 'tepui demo --json --for 20m', 25)
      return JSON.parse(said.slice(said.indexOf('{'))) as unknown
    },
    26,
  )
}
