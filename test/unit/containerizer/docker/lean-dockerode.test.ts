// The engine's library without what it brings for engines that we never speak to.
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

// A process of its own: in this one other tests may have loaded them.
const LOADED = `
  await import('./src/containerizer/docker/engine.ts')
  const { createRequire } = await import('node:module')
  const { cache } = createRequire(import.meta.url)
  console.log(JSON.stringify(Object.values(cache).map(({ filename }) => filename)))`

test('neither an SSH client nor a gRPC stack is loaded, and dockerode is', () => {
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', LOADED], {
    encoding: 'utf8',
  })
  const loaded = JSON.parse(output) as readonly (string | null)[]
  const inside = (name: string): boolean => loaded.some((file) => file?.includes(`/node_modules/${name}/`))
  expect(inside('dockerode')).toBe(true)
  expect(['ssh2', '@grpc/grpc-js', 'protobufjs', 'tar-fs'].filter(inside)).toEqual([])
})
