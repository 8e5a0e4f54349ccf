// `tepui doctor`: what the daemons need of this machine, each with a verdict and the fix.
import { resolve } from 'node:path'
import { usageError } from '../../base/flags.ts'
import type { Colour } from '../screen.ts'
import { table } from '../screen.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { gatherFacts, type Question } from '../doctor/facts.ts'
import { type Daemon, type Finding, judge } from '../doctor/findings.ts'
import { EXIT } from '../exit-codes.ts'
import { masterUrl } from '../master-api.ts'
import { choiceOf, textOf } from '../option-values.ts'
import { isData, showData } from '../output.ts'

const COLOURS: Readonly<Record<Finding['verdict'], Colour>> = { PASS: 'green', WARN: 'yellow', FAIL: 'red' }
const DEFAULT_MASTER = '127.0.0.1:5050'

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'Check what the daemons need of this machine, and say how to put it right',
  options: [
    { flags: '--for <daemon>', help: 'master or agent (default both)' },
    {
      flags: '--work-dir <dir>',
      help: 'Folder of the daemon (root: /var/lib/tepui, of the master /var/lib/tepui-master; else .tepui/up)',
    },
    { flags: '--docker-socket <path>', help: "The Docker Engine's socket (default /var/run/docker.sock)" },
  ],
  run: doctor,
}

async function doctor(context: Context, _: readonly string[], options: OptionValues): Promise<number> {
  const { clock, common, screen, signal } = context
  const only = choiceOf(options, 'for', ['master', 'agent'] as const)
  const daemons: readonly Daemon[] = only === undefined ? ['master', 'agent'] : [only]
  const findings = judge(await gatherFacts(questionOf(context, options), clock, signal), daemons)
  const failed = findings.filter(({ verdict }) => verdict === 'FAIL').length
  const warned = findings.filter(({ verdict }) => verdict === 'WARN').length
  if (isData(common)) {
    await showData(context, { healthy: failed === 0, checks: findings })
  } else {
    const rows = findings.map(({ check, detail, verdict }) => [
      screen.paint(COLOURS[verdict], verdict),
      check,
      detail,
    ])
    for (const [index, line] of table(['', 'CHECK', 'FOUND'], rows).entries()) {
      screen.print(line)
      const fix = findings[index - 1]?.fix
      if (fix !== undefined) screen.print(`      fix: ${fix}`)
    }
    screen.print(`${findings.length - failed - warned} passed, ${warned} warned, ${failed} failed`)
  }
  return failed === 0 ? EXIT.done : EXIT.error
}

function questionOf({ common }: Context, options: OptionValues): Question {
  // Where the units of systemd have them.
  const installed = textOf(options, 'for') === 'master' ? '/var/lib/tepui-master' : '/var/lib/tepui'
  const folder = process.getuid?.() === 0 ? installed : '.tepui/up'
  const dockerSocket = textOf(options, 'dockerSocket') ?? '/var/run/docker.sock'
  if (!dockerSocket.startsWith('/')) {
    throw usageError(`Option '--docker-socket' has the value '${dockerSocket}': expected an absolute path`)
  }
  return {
    workDir: resolve(textOf(options, 'workDir') ?? folder),
    dockerSocket,
    master: masterUrl(common.master).href,
    isMasterNamed: common.master !== DEFAULT_MASTER,
  }
}
