// Which identifiers and role names are good, and what is said about the others (spec/mesos.md 2.9 and 5.8).
import { describe, expect, test } from 'vitest'
import { identifierError, roleError, uuidError } from '../../../src/wire/identifiers.ts'

describe('identifiers', () => {
  test.each(['a', 'web.1', '...', 'a b', 'é', 'x'.repeat(255)])('%j is good', (id) => {
    expect(identifierError(id)).toBeUndefined()
  })

  test.each([
    ['', 'Task ID must not be empty'],
    ['.', "Task ID must not be '.'"],
    ['..', "Task ID must not be '..'"],
    ['a/b', "Task ID 'a/b' must not contain '/' or '\\'"],
    ['a\\b', "Task ID 'a\\b' must not contain '/' or '\\'"],
    ['a\nb', 'Task ID "a\\nb" must not contain control characters'],
    ['a\u007f', 'Task ID "a\u007f" must not contain control characters'],
    ['x'.repeat(256), 'Task ID must not be longer than 255 bytes, but has 256'],
    ['é'.repeat(128), 'Task ID must not be longer than 255 bytes, but has 256'],
  ])('%j is refused', (id, expected) => {
    expect(identifierError(id, 'Task ID')).toBe(expected)
  })
})

describe('roles', () => {
  test.each(['*', 'eng', 'eng/web', 'a-b', '.a', 'a*'])('%j is good', (role) => {
    expect(roleError(role)).toBeUndefined()
  })

  test.each([
    ['', 'Role must not be empty'],
    ['/a', "Role '/a' cannot start with '/'"],
    ['a/', "Role 'a/' cannot end with '/'"],
    ['a//b', "Role 'a//b' cannot contain '//'"],
    ['a/../b', "Role 'a/../b' cannot include '..' as a component"],
    ['.', "Role '.' cannot include '.' as a component"],
    ['a/*', "Role 'a/*' cannot include '*' as a component"],
    ['-a', "Role '-a' cannot include a component that starts with '-'"],
    ['a/-b', "Role 'a/-b' cannot include a component that starts with '-'"],
    ['a b', 'Role "a b" cannot contain white space or DEL'],
    ['a\u007f', 'Role "a\u007f" cannot contain white space or DEL'],
  ])('%j is refused', (role, expected) => {
    expect(roleError(role)).toBe(expected)
  })
})

test('a UUID has 16 bytes', () => {
  expect(uuidError('qZ9bqLQ9T0qVxUW0p7h6Xw==')).toBeUndefined()
  expect(uuidError('aGk=')).toBe('A UUID has 16 bytes, but this has 2')
})
