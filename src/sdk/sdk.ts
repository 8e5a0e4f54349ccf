/** The SDK of frameworks: `import { SchedulerClient, commandTask, launch } from 'tepui/sdk'`. */
export { Refused, Retry } from './errors.ts'
export { ExecutorClient, type ExecutorOptions, type StatusReport } from './executor-client.ts'
export type { ExecutorEnvironment } from './executor-environment.ts'
export { SchedulerClient, type SubscribeOptions } from './scheduler-client.ts'
export type { FrameworkCall } from './scheduler-calls.ts'
export {
  amountsOf,
  commandTask,
  dockerTask,
  executorTask,
  isTerminal,
  launch,
  scalars,
  type Amounts,
  type CommandTaskOptions,
  type DockerTaskOptions,
  type TaskOptions,
} from './tasks.ts'
export type { ExecutorCall, ExecutorEvent } from '../wire/executor.ts'
export type { FrameworkInfo } from '../wire/frameworks.ts'
export type { Filters, Offer, OfferOperation } from '../wire/offers.ts'
export type { SchedulerCall, SchedulerEvent } from '../wire/scheduler.ts'
export type { ExecutorInfo, TaskInfo, TaskState, TaskStatus } from '../wire/tasks.ts'
