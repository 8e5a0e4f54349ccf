// Which media types and codings clients take.
import { expect, test } from 'vitest'
import { acceptsCoding, acceptsMedia } from '../../../src/http/accept.ts'

const JSON_TYPE = 'application/json'

test.each([
  [undefined, true],
  ['', true],
  ['application/json', true],
  ['APPLICATION/JSON', true],
  ['application/x-protobuf', false],
  ['text/html, application/*', true],
  ['*/*', true],
  ['text/*', false],
  ['application/json;q=0', false],
  ['application/json;q=0, */*', false],
  ['application/*;q=0, application/json', true],
  ['*/*;q=0', false],
  ['application/json ; q = 0.5', true],
  ['application/json;q=nonsense', true],
  [',;,', false],
])('an Accept header of %j takes JSON: %s', (header, taken) => {
  expect(acceptsMedia(header, JSON_TYPE)).toBe(taken)
})

test.each([
  [undefined, false],
  ['gzip', true],
  ['deflate, gzip;q=0.5', true],
  ['gzip;q=0', false],
  ['*', true],
  ['identity', false],
])('an Accept-Encoding header of %j asks for gzip: %s', (header, asked) => {
  expect(acceptsCoding(header, 'gzip')).toBe(asked)
})
