// POSIX resource limits of a container, checked and turned into arguments of prlimit.
import { rejection, type Rejection } from '../../base/errors.ts'
import type { RLimitInfo } from '../../wire/linux.ts'

const OPTIONS: Readonly<Record<string, string>> = {
  RLMT_AS: 'as',
  RLMT_CORE: 'core',
  RLMT_CPU: 'cpu',
  RLMT_DATA: 'data',
  RLMT_FSIZE: 'fsize',
  RLMT_LOCKS: 'locks',
  RLMT_MEMLOCK: 'memlock',
  RLMT_MSGQUEUE: 'msgqueue',
  RLMT_NICE: 'nice',
  RLMT_NOFILE: 'nofile',
  RLMT_NPROC: 'nproc',
  RLMT_RSS: 'rss',
  RLMT_RTPRIO: 'rtprio',
  RLMT_RTTIME: 'rttime',
  RLMT_SIGPENDING: 'sigpending',
  RLMT_STACK: 'stack',
}

/** `--nofile=100:200` and the like; a limit with neither bound is lifted (spec/mesos.md 8.2, posix/rlimits). */
export function rlimitArguments(info: RLimitInfo | undefined): readonly string[] | Rejection {
  const chosen = new Map<string, string>()
  for (const limit of info?.rlimits ?? []) {
    const { type, soft, hard } = limit
    const option = type === undefined ? undefined : OPTIONS[type]
    if (option === undefined) {
      return rejection(`rlimit_info.rlimits: ${type ?? 'a missing type'} is not a resource limit`)
    }
    if ((soft === undefined) !== (hard === undefined)) {
      return rejection(`rlimit_info.rlimits: ${type} needs both soft and hard, or neither for no limit`)
    }
    if (soft !== undefined && hard !== undefined && soft > hard) {
      return rejection(`rlimit_info.rlimits: ${type} has a soft limit (${soft}) above the hard one (${hard})`)
    }
    chosen.set(option, soft === undefined ? 'unlimited:unlimited' : `${soft}:${hard}`)
  }
  return [...chosen].map(([option, value]) => `--${option}=${value}`)
}
