// The transcripts of the allocator: what is offered to whom, line by line. UPDATE_TRANSCRIPTS=1 rewrites them.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runTranscript } from './transcript.ts'

const folder = new URL('./scripts/', import.meta.url)

test.each(readdirSync(folder).toSorted())('%s goes as it is written', (name) => {
  const path = new URL(name, folder)
  const script = readFileSync(path, 'utf8')
  const actual = runTranscript(script)
  if (process.env['UPDATE_TRANSCRIPTS'] === '1') writeFileSync(path, actual)
  else expect(actual).toBe(script)
})
