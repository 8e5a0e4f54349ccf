// What is said of the routes that master and agent have alike.
import type { Abouts, PageField } from './about.ts'

export const BUILD_FIELDS: Readonly<Record<string, PageField>> = {
  version: ['string', 'the version of Mesos whose API this is'],
  build_date: ['string', 'the day of the release'],
  build_time: ['number', 'the same, seconds since 1970'],
  build_user: ['string', 'always empty'],
}

export const FILE_QUERY = {
  path: 'a path in a sandbox: absolute, or /frameworks/F/executors/E/runs/latest',
} as const

export const SHARED: Abouts = {
  '/health': { kind: 'plain', summary: '200 while the daemon answers.', mediaType: undefined },
  '/version': {
    kind: 'page',
    summary: 'The versions of the API and of Tepui.',
    fields: { ...BUILD_FIELDS, tepui_version: ['string', 'the version of Tepui'] },
  },
  '/flags': {
    kind: 'page',
    summary: 'The flags in force.',
    fields: { flags: ['object', 'value as text by name'] },
  },
  '/api/x1/config': {
    kind: 'page',
    summary: 'Every flag with its value and where that came from.',
    fields: { flags: ['array', 'name, value (null: none) and origin'] },
  },
  '/metrics/snapshot': {
    kind: 'page',
    summary: 'Everything that is counted, number by name.',
    fields: {},
    query: { timeout: 'not needed: every number is there at once' },
  },
  '/metrics': { kind: 'plain', summary: 'The same for Prometheus.', mediaType: 'text/plain' },
  '/system/stats.json': {
    kind: 'page',
    summary: 'Load and memory of the machine.',
    fields: {
      avg_load_15min: ['number', 'load, of the last 15 minutes'],
      avg_load_1min: ['number', 'load, of the last minute'],
      avg_load_5min: ['number', 'load, of the last 5 minutes'],
      cpus_total: ['number', 'cores'],
      mem_free_bytes: ['number', 'bytes'],
      mem_total_bytes: ['number', 'bytes'],
    },
  },
  '/logging/toggle': {
    kind: 'plain',
    summary: 'How much is logged: 0 as it was started, from 1 on everything; without parameters it is told.',
    mediaType: 'text/plain',
    query: { level: 'the new level', duration: 'for how long: 10mins' },
  },
  '/files/browse': {
    kind: 'page',
    summary: 'The entries of a folder.',
    list: true,
    fields: {
      gid: ['string', 'number of the group'],
      mode: ['string', 'as ls writes it'],
      mtime: ['number', 'last change, seconds since 1970'],
      nlink: ['number', 'names of the file'],
      path: ['string', 'whole path'],
      size: ['number', 'bytes'],
      uid: ['string', 'number of the owner'],
    },
    query: FILE_QUERY,
  },
  '/files/read': {
    kind: 'page',
    summary: 'A piece of a file, which never ends inside of a character.',
    fields: {
      offset: ['number', 'where it begins; without a wish, the size of the file'],
      data: ['string', 'the piece'],
      next: ['number', 'where the next piece begins', 'sometimes'],
    },
    query: {
      ...FILE_QUERY,
      offset: 'where to begin; -1 or nothing asks for the size',
      length: 'bytes, at most 65536',
      encoding: 'base64 for the very bytes',
    },
  },
  '/files/download': {
    kind: 'plain',
    summary: 'A whole file of at most 64 MiB.',
    mediaType: 'application/octet-stream',
    query: FILE_QUERY,
  },
  '/files/debug': { kind: 'page', summary: 'The real path of each virtual one, by name.', fields: {} },
}

/** Times and filters of the histories. */
export const HISTORY_QUERY = {
  since: 'ms since 1970',
  until: 'ms since 1970',
  limit: 'the newest so many; at most 1000',
} as const
