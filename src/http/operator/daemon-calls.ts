// The calls that master and agent answer alike: health, flags, version, metrics, the level of the log.
import type { Flag, Metric, VersionInfo } from '../../wire/agents.ts'
import type { DurationInfo } from '../../wire/times.ts'
import { versionInfo } from '../pages/version.ts'
import { empty, jsonText, text, type Answer } from '../response.ts'
import type { CallHandler } from './dispatch.ts'
import type { LogSwitch } from './log-switch.ts'

export interface CommonParts {
  readonly flags: Readonly<Record<string, string>>
  readonly metrics: () => Readonly<Record<string, number>>
  readonly logging: LogSwitch
}

/** The answers, which have the same names in both APIs. */
export type CommonResponse =
  | { type: 'GET_HEALTH'; get_health: { healthy: boolean } }
  | { type: 'GET_FLAGS'; get_flags: { flags: Flag[] } }
  | { type: 'GET_VERSION'; get_version: { version_info: VersionInfo } }
  | { type: 'GET_METRICS'; get_metrics: { metrics: Metric[] } }
  | { type: 'GET_LOGGING_LEVEL'; get_logging_level: { level: number } }

export interface CommonCall {
  readonly set_logging_level?: { readonly level: number; readonly duration: DurationInfo }
}

type CommonType = CommonResponse['type'] | 'SET_LOGGING_LEVEL'

/** @param encode writes an answer in the API of the daemon */
export function commonHandlers<Call extends CommonCall>(
  parts: CommonParts,
  encode: (response: CommonResponse) => string,
): Readonly<Record<CommonType, CallHandler<Call>>> {
  const { flags, metrics, logging } = parts
  const tell = (response: CommonResponse): Answer => jsonText(encode(response))
  return {
    GET_HEALTH: () => tell({ type: 'GET_HEALTH', get_health: { healthy: true } }),
    GET_FLAGS: () => tell({ type: 'GET_FLAGS', get_flags: { flags: pairs(flags) } }),
    GET_VERSION: () => tell({ type: 'GET_VERSION', get_version: { version_info: versionInfo() } }),
    GET_METRICS: () => tell({ type: 'GET_METRICS', get_metrics: { metrics: pairs(metrics()) } }),
    GET_LOGGING_LEVEL: () => tell({ type: 'GET_LOGGING_LEVEL', get_logging_level: { level: logging.level } }),
    SET_LOGGING_LEVEL: ({ set_logging_level: wish }) => {
      const problem = logging.set(wish?.level ?? 0, (wish?.duration.nanoseconds ?? 0) / 1e6)
      return problem === undefined ? empty(200) : text(400, problem)
    },
  }
}

function pairs<T>(values: Readonly<Record<string, T>>): { name: string; value: T }[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }))
}
