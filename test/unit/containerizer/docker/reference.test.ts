// Names of images as the engine lists them: what goes without saying is left out, what does not stays.
import { expect, test } from 'vitest'
import { shortReference } from '../../../../src/containerizer/docker/reference.ts'

const INDEX = ['docker', 'io'].join('.')
const DIGEST = `sha256:${'0'.repeat(64)}`

test.each([
  ['busybox', 'busybox:latest'],
  ['busybox:1.36', 'busybox:1.36'],
  ['library/busybox', 'busybox:latest'],
  [`${INDEX}/library/busybox:1`, 'busybox:1'],
  [`index.${INDEX}/team/app`, 'team/app:latest'],
  ['team/app', 'team/app:latest'],
  ['team/library/app', 'team/library/app:latest'],
  ['localhost:5000/library/app:2', 'localhost:5000/library/app:2'],
  [`busybox@${DIGEST}`, `busybox@${DIGEST}`],
  [DIGEST, DIGEST],
  ['No Image', 'No Image'],
])('%s is listed as %s', (reference, short) => {
  expect(shortReference(reference)).toBe(short)
})
