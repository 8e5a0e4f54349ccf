// An executor whose tasks run until it is told to end, which it does without a word.
import { ExecutorClient } from '../../../src/sdk/sdk.ts'

await using client = await ExecutorClient.subscribe(process.env)
for await (const event of client.events) {
  if (event.launch !== undefined)
    await client.update({ task_id: event.launch.task.task_id, state: 'TASK_RUNNING' })
  if (event.type === 'SHUTDOWN') break
}
