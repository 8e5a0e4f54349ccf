// What this is: /version and the first fields of /state of both daemons, and GET_VERSION.
import { MESOS_API_VERSION, TEPUI_VERSION } from '../../base/version.ts'
import type { VersionInfo } from '../../wire/agents.ts'
import { double } from './number.ts'
import type { Page } from './resources.ts'

/** There is no build: sources run as they are. The day of the release stands in its place. */
const RELEASED = { date: '2026-11-22 00:00:00', seconds: 1_795_305_600 }

/** `/version`. */
export function versionPage(): Page {
  return { ...buildPage(), tepui_version: TEPUI_VERSION, version: MESOS_API_VERSION }
}

export function buildPage(): Page {
  return { build_date: RELEASED.date, build_time: double(RELEASED.seconds), build_user: '' }
}

export function versionInfo(): VersionInfo {
  return {
    version: MESOS_API_VERSION,
    build_date: RELEASED.date,
    build_time: RELEASED.seconds,
    build_user: '',
  }
}
