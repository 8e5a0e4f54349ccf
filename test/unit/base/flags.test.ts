// Flags are read from the command line, the environment and files as Mesos reads them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  boolFlag,
  flagsHelp,
  optionalFlag,
  parseFlags,
  pathFlag,
  textFlag,
  textOrPathFlag,
  valueFlag,
} from '../../../src/base/flags.ts'
import { parseDuration } from '../../../src/base/units.ts'

const table = {
  port: valueFlag('5050', 'listens here', 'a port from 0 to 65535', (text) =>
    /^\d{1,5}$/.test(text) && Number(text) < 65536 ? Number(text) : undefined,
  ),
  agent_ping_timeout: valueFlag('15secs', 'patience', 'a duration such as 15secs', parseDuration, {
    alias: ['slave_ping_timeout'],
  }),
  quiet: boolFlag(false, 'says less'),
  hostname_lookup: boolFlag(true, 'asks the resolver'),
  cluster: textFlag('display name'),
  work_dir: pathFlag('state'),
  config: textOrPathFlag('JSON'),
  quorum: optionalFlag('majority', 'a whole number', (text) =>
    /^\d+$/.test(text) ? Number(text) : undefined,
  ),
}
const parse = (argv: string[], env: Record<string, string> = {}) =>
  parseFlags(table, argv, env, new Set(['zk']))

test('defaults hold when nothing is given', () => {
  const { values, origins } = parse([])
  expect(values).toEqual({
    port: 5050,
    agent_ping_timeout: 15_000,
    quiet: false,
    hostname_lookup: true,
    cluster: undefined,
    work_dir: undefined,
    quorum: undefined,
  })
  expect(origins['port']).toBe('default')
})

test.each([
  [['--quiet'], true],
  [['--quiet='], true],
  [['--quiet=1'], true],
  [['--no-quiet'], false],
  [['--quiet=false'], false],
])('a boolean reads %j as %s', (argv, value) => {
  expect(parse(argv).values.quiet).toBe(value)
})

test('the command line beats TEPUI_ and that beats MESOS_, whatever the case', () => {
  const env = { MESOS_port: '1', TEPUI_PORT: '2', MESOS_CLUSTER: 'm', MESOS_NO_HOSTNAME_LOOKUP: '1' }
  expect(parse(['--port=3'], env).values.port).toBe(3)
  const { values, origins } = parse([], env)
  expect([values.port, values.cluster, values.hostname_lookup]).toEqual([2, 'm', false])
  expect(origins['port']).toBe('TEPUI_PORT')
})

test('dashes and underscores are the same and an alias warns', () => {
  const parsed = parse(['--slave-ping-timeout=1mins', '--WORK-DIR=/x'])
  expect(parsed.values.agent_ping_timeout).toBe(60_000)
  expect(parsed.values.work_dir).toBe('/x')
  expect(parsed.warnings).toEqual(['--slave_ping_timeout is deprecated, use --agent_ping_timeout'])
  expect(parsed.printed['slave_ping_timeout']).toBe('1mins')
})

test.each([
  [['--port=x'], {}, "Flag '--port' has the value 'x': expected a port from 0 to 65535"],
  [[], { MESOS_PORT: '99999' }, "Flag '--port' has the value '99999' (from MESOS_PORT): expected a port"],
  [['--port=1', '--port=2'], {}, "Flag '--port' is given twice"],
  [['--agent_ping_timeout=1secs', '--slave_ping_timeout=1secs'], {}, 'given twice'],
  [['--port'], {}, "Flag '--port' needs a value"],
  [['--no-quiet=1'], {}, "Flag '--no-quiet' takes no value"],
  [['--no-port'], {}, "Unknown flag '--no-port'"],
  [['--prot=1'], {}, "Unknown flag '--prot'"],
  [['--zk=zk://x'], {}, "Flag '--zk' of Mesos is not supported yet"],
  [['stray'], {}, "Unexpected argument 'stray'"],
  [['--cluster=file:///does/not/exist'], {}, 'cannot be read'],
])('%j with %j is refused', (argv, env, message) => {
  expect(() => parse(argv, env)).toThrow(message)
})

test('a mistyped flag gets a suggestion', () => {
  expect(() => parse(['--prot=1'])).toThrow(
    expect.objectContaining({ hint: 'Did you mean --port?', code: 'USAGE' }),
  )
})

test('file:// loads a value but leaves a path alone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flags-'))
  try {
    writeFileSync(join(folder, 'name'), 'from file\n')
    const { values } = parse([`--cluster=file://${folder}/name`, `--work_dir=file://${folder}/name`])
    expect(values.cluster).toBe('from file')
    expect(values.work_dir).toBe(`file://${folder}/name`)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a flag of JSON takes the text, or the absolute path of a file that holds it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flags-'))
  try {
    writeFileSync(join(folder, 'name'), '{"a": 1}\n')
    for (const given of [`${folder}/name`, `file://${folder}/name`, '{"a": 1}'])
      expect(parse([`--config=${given}`]).values.config).toBe('{"a": 1}')
    expect(() => parse([`--config=${folder}/none`])).toThrow('cannot be read')
    expect(parse([`--cluster=${folder}/name`]).values.cluster).toBe(`${folder}/name`)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('unknown variables of the environment are ignored, known unsupported ones warn', () => {
  expect(parse([], { MESOS_WHATEVER: '1', MESOS_ZK: 'zk://x' }).warnings).toEqual([
    'MESOS_ZK is ignored: this flag of Mesos is not supported yet',
  ])
})

test('help and version win over everything but wrong flags, and help names every flag', () => {
  expect(parse(['--help', '--port=1']).wants).toBe('help')
  expect(parse(['--version']).wants).toBe('version')
  const help = flagsHelp('tepui master', 'Runs a master.', table)
  for (const name of Object.keys(table)) expect(help).toContain(name)
})
