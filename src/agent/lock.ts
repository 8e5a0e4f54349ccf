/**
 * Keeps two agents out of one work folder: each would take the other's containers for leftovers and end them. The lock
 * is a name in the kernel's abstract socket space, which goes with the process however it ends.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { realpath } from 'node:fs/promises'
import { createServer } from 'node:net'
import { OperatingError } from '../base/errors.ts'

/** @throws OperatingError FILE when another agent works there */
export async function lockFolder(
  workDir: string,
  hint = 'Give each agent of a machine its own --work_dir',
): Promise<AsyncDisposable> {
  // A socket's name has room for 107 bytes.
  const digest = createHash('sha256')
    .update(await realpath(workDir))
    .digest('hex')
  const server = createServer((socket) => socket.destroy())
  try {
    server.listen(`\0tepui-agent-${digest}`)
    await once(server, 'listening')
  } catch (error) {
    throw new OperatingError('FILE', `Another agent works in ${workDir}`, {
      cause: error,
      hint,
    })
  }
  server.unref()
  return {
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}
