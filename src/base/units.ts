// Durations and byte sizes as Mesos writes them (spec/mesos.md 1.1): `15secs`, `1.5hrs`, `64MB`.

const DURATION_NS: readonly (readonly [string, number])[] = [
  ['weeks', 604_800e9],
  ['days', 86_400e9],
  ['hrs', 3_600e9],
  ['mins', 60e9],
  ['secs', 1e9],
  ['ms', 1e6],
  ['us', 1e3],
  ['ns', 1],
]

const BYTE_UNITS: readonly (readonly [string, number])[] = [
  ['TB', 1024 ** 4],
  ['GB', 1024 ** 3],
  ['MB', 1024 ** 2],
  ['KB', 1024],
  ['B', 1],
]

/** Milliseconds of a Mesos duration, or undefined when the text is not one. Range: signed 64 bits of nanoseconds. */
export function parseDuration(text: string): number | undefined {
  const match = /^(-?\d+(?:\.\d+)?)(ns|us|ms|secs|mins|hrs|days|weeks)$/.exec(text)
  if (match === null) return undefined
  const unit = DURATION_NS.find(([name]) => name === match[2])
  const ns = Number(match[1]) * (unit?.[1] ?? Number.NaN)
  return Math.abs(ns) <= 2 ** 63 ? ns / 1e6 : undefined
}

/** Prints milliseconds with the largest unit that divides evenly, as Mesos does. */
export function formatDuration(ms: number): string {
  const ns = Math.round(ms * 1e6)
  if (ns === 0) return '0ns'
  const [name, size] = DURATION_NS.find(([, unit]) => ns % unit === 0) ?? ['ns', 1]
  return `${ns / size}${name}`
}

/** Bytes of a Mesos size such as `64MB` (1024-based, whole numbers), or undefined. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+)(B|KB|MB|GB|TB)$/i.exec(text)
  if (match === null) return undefined
  const unit = BYTE_UNITS.find(([name]) => name === match[2]?.toUpperCase())
  const bytes = Number(match[1]) * (unit?.[1] ?? Number.NaN)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** Prints bytes with the largest unit that divides evenly; zero is `0B`. */
export function formatBytes(bytes: number): string {
  if (bytes === 0) return '0B'
  const [name, size] = BYTE_UNITS.find(([, unit]) => bytes % unit === 0) ?? ['B', 1]
  return `${bytes / size}${name}`
}

/** Bytes for people: three digits and a binary unit, such as `1.25 GiB`. */
export function humanBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes
  let index = 0
  while (Math.abs(value) >= 1024 && index < units.length - 1) {
    value /= 1024
    index++
  }
  return `${index === 0 ? value : Number(value.toPrecision(3))} ${units[index]}`
}

/** A duration for people: `240 ms`, `3.2 s`, `2m14s`, `3h05m`. */
export function humanDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  const two = (value: number): string => String(value).padStart(2, '0')
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`
  return `${Math.floor(seconds / 3600)}h${two(Math.floor((seconds % 3600) / 60))}m`
}
