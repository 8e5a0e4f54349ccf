// Folders that people name: made with all above them, or refused in the kernel's words.
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeFolders } from '../../../src/base/folders.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tepui-folders-'))
})

afterEach(() => rmSync(root, { recursive: true }))

test('a folder is made with all above it, with the mode that is asked for, and a second time is no trouble', () => {
  const path = join(root, 'a/b/c')
  makeFolders(path, 0o700)
  makeFolders(path, 0o755)
  expect(statSync(path).mode & 0o777).toBe(0o700)
})

test('where none can be, it says so and comes back', () => {
  writeFileSync(join(root, 'file'), '')
  symlinkSync('/no/such/folder', join(root, 'link'))
  const refusal = (path: string): string => {
    try {
      makeFolders(path)
      return 'made'
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? ''
    }
  }
  expect(
    ['/proc/x', '/proc/x/y', join(root, 'file'), join(root, 'file/a'), join(root, 'link')].map(refusal),
  ).toEqual(['ENOENT', 'ENOENT', 'EEXIST', 'ENOTDIR', 'ENOENT'])
  expect(existsSync('/no/such/folder')).toBe(false)
})
