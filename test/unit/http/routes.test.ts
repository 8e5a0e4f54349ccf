// Which handler a path belongs to.
import { describe, expect, test } from 'vitest'
import { empty } from '../../../src/http/response.ts'
import { Routes, splitTarget, type Route } from '../../../src/http/routes.ts'

const handle: Route['handle'] = () => empty(200)
const routes = new Routes([
  { path: '/', methods: ['GET'], handle },
  { path: '/api/v1', handle },
  { path: '/api/v1/scheduler', handle },
  { path: '/redirect', exact: true, handle },
  { path: '/registrar(1)/registry', methods: ['GET'], handle },
  { path: '/quota', methods: ['GET'], handle },
  { path: '/quota', methods: ['POST', 'DELETE'], handle },
])

function found(path: string, method = 'GET'): string {
  const match = routes.match(path, method)
  if (match.kind === 'found') return `${match.route.path} + ${match.rest}`
  return match.kind === 'not-found' ? 'not found' : `allows ${match.allowed.join(' ')}`
}

describe('a path', () => {
  test.each([
    ['/api/v1/scheduler', '/api/v1/scheduler + '],
    ['/api/v1/operator', '/api/v1 + operator'],
    ['/api/v1/a/b/c', '/api/v1 + a/b/c'],
    ['/api/v1x', 'not found'],
    ['/api', 'not found'],
    ['/registrar(1)/registry', '/registrar(1)/registry + '],
    ['/', '/ + '],
    ['/nothing', 'not found'],
    ['/redirect', '/redirect + '],
    ['/redirect/x', 'not found'],
  ])('%s goes to its longest registered parent: %s', (path, expected) => {
    expect(found(path)).toBe(expected)
  })

  test('is chosen by method where several routes share it, and HEAD goes where GET goes', () => {
    expect(found('/quota', 'DELETE')).toBe('/quota + ')
    expect(found('/quota', 'HEAD')).toBe('/quota + ')
    expect(found('/quota', 'PUT')).toBe('allows GET POST DELETE')
  })

  test('may not have two owners', () => {
    expect(
      () =>
        new Routes([
          { path: '/a', handle },
          { path: '/a', methods: ['GET'], handle },
        ]),
    ).toThrow('/a')
  })
})

describe('a request target', () => {
  const processes = ['master', 'slave(1)']
  test.each([
    ['/state', '/state'],
    ['/master/state', '/state'],
    ['/master', '/'],
    ['/slave(1)/api/v1/executor', '/api/v1/executor'],
    ['/slave%281%29/state', '/state'],
    ['/slave(2)/state', '/slave(2)/state'],
    ['/master/frameworks/', '/frameworks'],
    ['//master//state', '/state'],
    ['/master/master/state', '/master/state'],
    ['/state?_ts=1', '/state'],
    ['/state#there', '/state'],
    ['http://example.org:5050/master/state?x=1', '/state'],
    ['http://example.org', '/'],
    ['?x=1', '/'],
  ])('%s means %s', (url, path) => {
    expect(splitTarget(url, processes)?.path).toBe(path)
  })

  test.each(['*', 'example.org:443', '/%zz', '/a%', ''])('%j is refused', (url) => {
    expect(splitTarget(url, processes)).toBeUndefined()
  })

  test('has a decoded query of which the last of duplicates counts', () => {
    const query = splitTarget('/tasks?limit=1&task_id=a%20b+c&limit=-1&flag', processes)?.query
    expect(Object.fromEntries(query ?? [])).toEqual({ limit: '-1', task_id: 'a b c', flag: '' })
  })
})
