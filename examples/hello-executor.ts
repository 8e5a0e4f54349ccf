// An executor that greets for each of its tasks; give it to a framework as the command of an ExecutorInfo.
import { ExecutorClient } from 'tepui/sdk'

await using client = await ExecutorClient.subscribe(process.env)
for await (const event of client.events) {
  if (event.launch !== undefined) {
    const { task } = event.launch
    await client.update({ task_id: task.task_id, state: 'TASK_RUNNING' })
    console.log(`Hello from ${task.name}`)
    await client.update({ task_id: task.task_id, state: 'TASK_FINISHED', message: 'Said hello' })
  }
  if (event.kill !== undefined) await client.update({ task_id: event.kill.task_id, state: 'TASK_KILLED' })
}
