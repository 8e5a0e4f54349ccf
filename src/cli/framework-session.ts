// A framework that lives as long as a command: subscribed after the master was seen to answer, gone at its end.
import type { FrameworkInfo } from '../wire/frameworks.ts'
import { SchedulerClient } from '../sdk/sdk.ts'
import type { Context } from './command.ts'
import { MasterApi } from './master-api.ts'

/**
 * Subscribes. Ctrl-C ends the attempt, but not the subscription: its end has to be told.
 * @throws OperatingError UNREACHABLE when no master answers, REFUSED when it does not take the framework
 */
export async function openFramework(context: Context, framework: FrameworkInfo): Promise<SchedulerClient> {
  const { clock, common, random, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  // The SDK tries for ever, which is right for a framework and wrong for somebody who waits at a terminal.
  await api.get('/version')
  const attempt = new AbortController()
  const stop = (): void => attempt.abort(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await SchedulerClient.subscribe({ master: api.address, framework, clock, random }, attempt.signal)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
