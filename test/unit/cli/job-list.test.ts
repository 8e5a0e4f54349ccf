// The list of jobs of `tepui batch`: what a line may say, and what is said of a line that is wrong.
import { describe, expect, test } from 'vitest'
import { jobsIn, MAX_JOBS } from '../../../src/cli/job-list.ts'
import type { TaskWish } from '../../../src/frameworks/task-wish.ts'

const wish: TaskWish = { name: 'x', command: 'x', cpus: 0.1, mem: 32, revocable: true }
const jobs = (list: string) => jobsIn(list, 'list', wish)

describe('a list of jobs', () => {
  test('has one command a line, without comments and empty lines, each with a name of its own', () => {
    expect(jobs('# render\n\n ./render 1 \r\n./render 2 # not a comment\n')).toEqual([
      { name: 'job-1', wish: { ...wish, name: 'job-1', command: './render 1' } },
      { name: 'job-2', wish: { ...wish, name: 'job-2', command: './render 2 # not a comment' } },
    ])
  })

  test('may give a line its own cpus, memory and name, and leaves a test of the shell alone', () => {
    const [big, shell] = jobs('[cpus=2 mem=1GiB name=big] make\n[ -f x ] && make')
    expect(big).toMatchObject({ name: 'big', wish: { command: 'make', cpus: 2, mem: 1024 } })
    expect(shell?.wish.command).toBe('[ -f x ] && make')
  })

  test.each([
    ['', /'list' is empty/],
    ['# nothing', /'list' is empty/],
    ['true\n[cpu=2] make', /'list' line 2: 'cpu=2' is no option of a job: expected cpus, mem, name/],
    ['[cpus=many] make', /'list' line 1: .*'many'/],
    ['[mem=-1] make', /'list' line 1: .*'-1'/],
    ['[name=a/b] make', /'list' line 1: 'a\/b' is no name of a job/],
    ['true\n\n[cpus=1]', /'list' line 3 has options but no command/],
    ['true\nfal\0se', /'list' line 2 is no text/],
    [`true\n${'x'.repeat(70_000)}`, /'list' line 2 is longer than 65536 bytes/],
    ['true\n'.repeat(MAX_JOBS + 1), /has 100001 jobs; at most 100000/],
  ])('that is wrong is refused (%#)', (list, message) => {
    expect(() => jobs(list)).toThrow(message)
  })
})
