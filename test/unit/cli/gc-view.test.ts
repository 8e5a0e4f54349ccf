// `tepui gc` says of each kind what is kept, how much, when it goes and why, in lines that fit on a screen.
import { expect, test } from 'vitest'
import { doneLines, dryLines } from '../../../src/cli/gc-view.ts'
import type { Json } from '../../../src/cli/master-api.ts'

const NOW = 1_700_000_000
const LONG = `https://${'mirror.'.repeat(8)}example.org/releases/7.1/${'tool-'.repeat(9)}x86_64.tar.gz`

const page = (usage: number): Json => ({
  now: NOW,
  disk: { usage, total_bytes: 100 * 1024 ** 3 },
  rules: { gc_delay_secs: 604_800, gc_disk_headroom: 0.1, max_allowed_age_secs: usage >= 0.9 ? 0 : 302_400 },
  running_total: 3,
  running_bytes: 7 * 1024 ** 2,
  running: [
    { task_ids: ['hog'], bytes: 6 * 1024 ** 2, limit_bytes: 5 * 1024 ** 2, is_held_to_it: true },
    { task_ids: ['calm'], bytes: 1024 ** 2, limit_bytes: 9 * 1024 ** 2, is_held_to_it: false },
    { task_ids: [], executor_id: 'new', bytes: null, limit_bytes: null, is_held_to_it: false },
  ],
  scheduled_total: 2,
  scheduled_bytes: 6144,
  scheduled: [
    {
      path: 'a/runs/1',
      task_ids: ['job-1'],
      ending: 'succeeded',
      ended: NOW - 400_000,
      due: NOW - 1,
      due_now: true,
      why: 'space',
      bytes: 4096,
    },
    {
      path: 'a/runs/2',
      task_ids: ['job-2'],
      ending: 'failed',
      ended: NOW - 60,
      due: NOW + 302_340,
      due_now: false,
      why: 'age',
      bytes: 2048,
    },
  ],
  containers_total: 1,
  containers: [
    {
      container_id: 'c1',
      task_ids: ['job-2'],
      ended: NOW - 60,
      due: NOW + 21_540,
      due_now: false,
      why: '--docker_remove_delay',
      bytes: null,
    },
  ],
  cache: {
    entries: [
      { uri: LONG, bytes: 5 * 1024 ** 2, in_use: 0, used_at: NOW - 3600 },
      { uri: 'http://a/b', bytes: 1024, in_use: 2, used_at: NOW - 7200 },
    ],
  },
  images: {
    enabled: true,
    image_disk_headroom: 0.2,
    is_tight: false,
    known_total: 2,
    known: [
      { name: 'busybox:latest', used: NOW - 90_000, bytes: 1024 ** 2, may_go: true, kept_because: null },
      {
        name: 'app:7',
        used: NOW - 5,
        bytes: 2 * 1024 ** 2,
        may_go: false,
        kept_because: 'in use by 3 containers',
      },
    ],
  },
})

test('each kind has its table, and no line is wider than 100 columns', () => {
  const lines = dryLines('a1', page(0.4), NOW * 1000)
  expect(lines[0]).toBe(
    'a1: 40 % of 100 GiB used, so of sandboxes what ended longer ago than 84h00m goes now',
  )
  expect(lines.filter((line) => line.length > 100)).toEqual([])
  const text = lines.join('\n')
  expect(text).toMatch(
    /^3 running sandboxes, 7 MiB\nRUNNING +TAKES +RESERVED +ABOVE THAT *\nhog +6 MiB +5 MiB +it is killed *\n/m,
  )
  expect(text).toMatch(/^calm +1 MiB +9 MiB +it goes on *\nnew +- +- *$/m)
  expect(text).toMatch(/^2 sandboxes, 6 KiB\nSANDBOX +ENDED AS +AGO +SIZE +GOES +WHY\n/m)
  expect(text).toMatch(/^job-1 +succeeded +111h06m +4 KiB +now +the disk is full$/m)
  expect(text).toMatch(/^job-2 +failed +1m00s +2 KiB +in 83h59m +gc_delay$/m)
  expect(text).toMatch(/^1 ended container\nCONTAINER +ENDED AGO/m)
  expect(text).toMatch(/^job-2 +1m00s +- +in 5h59m +--docker_remove_delay$/m)
  expect(text).toMatch(
    /^2 fetched files, 5 MiB\n.*\nhttp:\/\/a\/b +2h00m +1 KiB +stays +in use by 2 fetches\n/m,
  )
  expect(text).toMatch(/^https:\/\/mirror.*….*x86_64.tar.gz +1h00m +5 MiB +at 90 % +can be fetched again$/m)
  expect(text).toMatch(/^busybox:latest +25h00m +1 MiB +at 80 % +can be pulled again$/m)
  expect(text).toMatch(/^app:7 +5\.0 s +2 MiB +stays +in use by 3 containers$/m)
})

test('on a full disk fetched files go now; of what is not there nothing is said', () => {
  expect(dryLines('a1', page(0.95), NOW * 1000).join('\n')).toMatch(/^https:.* now +can be fetched again$/m)
  const empty = { now: NOW, disk: { usage: 0, total_bytes: 1024 }, rules: {}, scheduled_total: 0 }
  expect(dryLines('a1', empty, NOW * 1000)).toHaveLength(1)
})

test('what went is counted by kind, old collections are not told again, and what stuck is told', () => {
  const nothing = doneLines(
    'a1',
    { now: NOW },
    { last: { ended: NOW - 9, removed: [{}] }, scheduled_total: 3 },
  )
  expect(nothing).toEqual(['a1: nothing was due; 3 sandboxes kept'])
  const path = `slaves/S0/frameworks/F/executors/job/runs/0123456789-abc`
  const row = (kind: string, name: string): Json => ({ kind, path: name, bytes: 1024, why: 'asked' })
  const after = {
    last: {
      ended: NOW + 1,
      removed: [row('sandbox', path), row('sandbox', path), row('file', LONG), row('image', 'both:1')],
      failed: [{ failures: ['/x: EBUSY'] }],
    },
    images: {
      removed: [
        { name: 'earlier:1', removed: NOW - 1, bytes: 1, why: 'space' },
        { name: 'both:1', removed: NOW + 1, bytes: 1024, why: 'space' },
        { name: 'later:1', removed: NOW + 1, bytes: 1024, why: 'asked' },
        { name: 'stuck:1', removed: NOW + 1, failure: 'in use' },
      ],
    },
    containers_total: 1,
    scheduled_total: 0,
  }
  const lines = doneLines('a1', { now: NOW, containers_total: 3 }, after)
  expect(lines[0]).toBe(
    'a1: removed 2 sandboxes, 1 file, 2 images and 2 ended containers with 5 KiB; 0 sandboxes kept',
  )
  expect(lines.join('\n')).toMatch(/^sandbox +job \(01234567\) +1 KiB +--older$/m)
  expect(lines.join('\n')).not.toContain('earlier')
  expect(lines.filter((line) => line.length > 100)).toEqual([])
  expect(lines.slice(-2)).toEqual(['  not removed: /x: EBUSY', '  not removed: stuck:1: in use'])
})
