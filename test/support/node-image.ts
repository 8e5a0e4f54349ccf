// An image with Node 24 and little else, as compose.yaml and the Vagrantfile want one, made without a registry.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { busyboxInto } from '../../src/cli/image-sources.ts'
import { tepui } from './cli.ts'
import { engineRequest } from './engine.ts'

/** The Node that runs this test, with the libraries that it names, beside the busybox of this machine. */
export async function makeNodeImage(name: string): Promise<AsyncDisposable> {
  const root = mkdtempSync(join(tmpdir(), 'tepui-node-image-'))
  try {
    await busyboxInto(root)
    copyInto(root, realpathSync(process.execPath), '/usr/bin/node')
    const named = execFileSync('ldd', [process.execPath], { encoding: 'utf8' })
    for (const [path] of named.matchAll(/\/\S+(?= \(0x)/g)) copyInto(root, realpathSync(path), path)
    const { code, stderr } = await tepui(['image', 'import', root, name])
    if (code !== 0) throw new Error(`The image ${name} was not made: ${stderr}`)
  } finally {
    rmSync(root, { recursive: true })
  }
  return {
    async [Symbol.asyncDispose]() {
      await engineRequest('DELETE', `/images/${name}?force=true`)
    },
  }
}

function copyInto(root: string, from: string, to: string): void {
  mkdirSync(join(root, dirname(to)), { recursive: true })
  cpSync(from, join(root, to))
}
