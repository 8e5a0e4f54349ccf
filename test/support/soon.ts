// Waits for what is to come, on a busy machine too.
import { expect } from 'vitest'

export const soon = <T>(look: () => T | Promise<T>): ReturnType<typeof expect.poll<T>> =>
  expect.poll(look, { timeout: 60_000 })
