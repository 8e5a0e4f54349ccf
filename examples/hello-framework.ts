// A framework that runs one task and prints how it ended: node examples/hello-framework.ts [host:port]
import { amountsOf, commandTask, isTerminal, launch, SchedulerClient } from 'tepui/sdk'

const client = await SchedulerClient.subscribe({
  master: process.argv[2] ?? '127.0.0.1:5050',
  framework: { user: 'root', name: 'hello', roles: ['*'], capabilities: [{ type: 'MULTI_ROLE' }] },
})
console.log(`Subscribed as ${client.frameworkId}`)

let launched = false
for await (const event of client.events) {
  for (const offer of event.offers?.offers ?? []) {
    const { cpus, mem } = amountsOf(offer)
    if (launched || cpus < 0.1 || mem < 32) {
      await client.decline([offer])
      continue
    }
    const task = commandTask({ id: 'hello.1', offer, command: 'echo hello', cpus: 0.1, mem: 32 })
    await client.accept([offer], [launch([task])])
    launched = true
  }
  if (event.update !== undefined) {
    const { status } = event.update
    await client.acknowledge(status)
    console.log(`${status.task_id.value}: ${status.state} ${status.message ?? ''}`)
    if (isTerminal(status.state)) break
  }
}
await client.teardown()
