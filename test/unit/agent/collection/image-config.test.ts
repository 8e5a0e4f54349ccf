// `--image_gc_config` takes Mesos' message with its defaults and our one field, and nothing that it would not obey.
import { expect, test } from 'vitest'
import { readImageGcConfig } from '../../../../src/agent/collection/image-config.ts'

test('the example of Mesos is read, and what is left out has the defaults of its message', () => {
  const text =
    '{"image_disk_headroom": 0.2, "image_disk_watch_interval": {"nanoseconds": 60000000000}, ' +
    '"excluded_images": [{"type": "DOCKER", "docker": {"name": "busybox"}}]}'
  expect(readImageGcConfig(text)).toEqual({
    headroom: 0.2,
    watchMs: 60_000,
    excluded: ['busybox'],
    includesUsed: false,
  })
  expect(readImageGcConfig('{}')).toEqual({
    headroom: 0.1,
    watchMs: 3_600_000,
    excluded: [],
    includesUsed: false,
  })
  expect(readImageGcConfig('{"collect_used": true}')).toMatchObject({ includesUsed: true })
})

test.each([
  ['', 'nothing'],
  ['[]', 'a list'],
  ['{"headroom": 0.1}', 'a field that is none'],
  ['{"image_disk_headroom": 1.1}', 'more than the disk'],
  ['{"image_disk_headroom": "0.1"}', 'a number as text'],
  ['{"image_disk_watch_interval": {"nanoseconds": 1}}', 'an interval that never rests'],
  ['{"image_disk_watch_interval": 60}', 'an interval without its unit'],
  ['{"excluded_images": ["busybox"]}', 'a name that is no image'],
  ['{"excluded_images": [{"type": "APPC", "appc": {"name": "a"}}]}', 'an image of another kind'],
  ['{"excluded_images": {}}', 'no list of images'],
  ['{"collect_used": 1}', 'a number for yes'],
])('%s is refused: %s', (text) => {
  expect(readImageGcConfig(text)).toBeUndefined()
})
