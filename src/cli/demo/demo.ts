// placeholder
import type { Context } from '../command.ts'
export async function runDemo(_context: Context, _o: { json: boolean; withinMs: number }): Promise<number> {
  return 0
}
