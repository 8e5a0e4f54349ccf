// A program that schedules with the npm package mesos-framework as its examples do: tasks come as JSON in TASKS, what
// the scheduler emits goes to the parent, whose messages `[method, ...arguments]` are called on it.
import { createRequire } from 'node:module'

interface Scheduler {
  readonly subscribe: () => void
  readonly frameworkId: string
  readonly on: (event: string, listener: (what: unknown) => void) => void
  readonly [method: string]: unknown
}
type Make<T> = new (...values: unknown[]) => T
interface Package {
  readonly Scheduler: Make<Scheduler>
  readonly Mesos: {
    readonly getMesos: () => { readonly CommandInfo: Make<object>; readonly ContainerInfo: Containers }
  }
}
type Containers = Make<object> & {
  readonly Type: { readonly DOCKER: number }
  readonly DockerInfo: Make<object>
}

interface Wanted {
  readonly command?: string
  readonly image?: string
  readonly network?: string
  readonly instances?: number
  readonly containerPort?: number
}

const { Scheduler, Mesos } = createRequire(import.meta.url)('mesos-framework') as Package
const { CommandInfo, ContainerInfo } = Mesos.getMesos()

function taskOf({ command, image, network = 'HOST', instances = 1, containerPort }: Wanted): object {
  // By its name: the package adds port mappings only to the text 'BRIDGE', not to the number of its own enumeration.
  const docker = new ContainerInfo.DockerInfo(image, network, null, false, null, false)
  Object.assign(docker, { network })
  return {
    instances,
    commandInfo: new CommandInfo(null, null, true, command ?? null, null, null),
    ...(image !== undefined && {
      containerInfo: new ContainerInfo(ContainerInfo.Type.DOCKER, null, null, docker),
    }),
    resources: { cpus: 0.1, mem: 64, ports: containerPort === undefined ? 0 : 1, disk: 0 },
    ...(containerPort !== undefined && { portMappings: [{ port: containerPort, protocol: 'tcp' }] }),
  }
}

const wanted = JSON.parse(process.env['TASKS'] ?? '{}') as Record<string, Wanted>
const scheduler = new Scheduler({
  masterUrl: '127.0.0.1',
  port: process.env['MASTER_PORT'],
  frameworkName: 'by others',
  frameworkFailoverTimeout: 60,
  logging: { path: process.env['LOGS'], fileName: 'mesos-framework.log', level: 'error' },
  tasks: Object.fromEntries(Object.entries(wanted).map(([name, one]) => [name, taskOf(one)])),
})

const EVENTS =
  'subscribed offers update message failure heartbeat error sent_acknowledge sent_kill sent_teardown'
for (const name of EVENTS.split(' ')) {
  scheduler.on(name, (what) => process.send?.({ name, what: what ?? null }))
}
scheduler.on('ready', () => scheduler.subscribe())
process.on('message', ([method, ...values]: [string, ...unknown[]]) => {
  const call = scheduler[method] as (...values: unknown[]) => void
  call.apply(scheduler, values)
})
process.on('disconnect', () => process.exit(0))
