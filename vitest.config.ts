/** How the tests run: pure ones beside each other, those that share the machine one file after the other. */
import { defineConfig } from 'vitest/config'

/** What is waited for may take long on a machine that others use too; a test that claims a speed says its own limit. */
const patient = {
  pool: 'forks',
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 60_000, interval: 20 } },
} as const

/**
 * Files that talk to one engine, or count what is left on the machine, must not run beside each other. They run real
 * programs on a machine that others use too: each test has a second try, and scripts/test.ts names those that took it.
 */
const oneByOne = {
  ...patient,
  testTimeout: 240_000,
  hookTimeout: 240_000,
  fileParallelism: false,
  retry: 1,
} as const

/**
 * As many as there are cores: vitest keeps one free by itself, and on two cores nothing would run beside anything. In
 * processes: a child that one thread starts has the sockets of all threads until it is the other program, so that a
 * port or a name that another thread has closed is still taken.
 */
const besideEachOther = { ...patient, maxWorkers: '100%' } as const

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/compliance/**/*.test.ts', 'test/tidy.test.ts'],
          // No isolation: a process per file would cost more than the tests themselves; pure code leaks no state.
          ...besideEachOther,
          isolate: false,
        },
      },
      {
        test: {
          name: 'component',
          include: ['test/component/**/*.test.ts'],
          ...besideEachOther,
        },
      },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...oneByOne } },
      { test: { name: 'conformance', include: ['test/conformance/**/*.test.ts'], ...oneByOne } },
    ],
  },
})
