/** How the tests run: pure ones in one process, those that share the engine or ports one file after the other. */
import { defineConfig } from 'vitest/config'

/** Files that talk to one engine, or count what is left on the machine, must not run beside each other. */
const oneByOne = { pool: 'forks', fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 } as const

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/compliance/**/*.test.ts', 'test/tidy.test.ts'],
          // No isolation: a process per file would cost more than the tests themselves; pure code leaks no state.
          pool: 'threads',
          isolate: false,
        },
      },
      {
        test: {
          name: 'component',
          include: ['test/component/**/*.test.ts'],
          pool: 'threads',
          testTimeout: 20_000,
        },
      },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...oneByOne } },
      { test: { name: 'conformance', include: ['test/conformance/**/*.test.ts'], ...oneByOne } },
    ],
  },
})
