// Waits for what a test expects to come, however slow the machine is.
import { vi } from 'vitest'

/** What the look found, once it is neither false nor undefined. @throws when it does not come in time */
export const waitUntil = <T>(look: () => T | Promise<T>): ReturnType<typeof vi.waitUntil<T>> =>
  vi.waitUntil(look, { timeout: 60_000, interval: 20 })
