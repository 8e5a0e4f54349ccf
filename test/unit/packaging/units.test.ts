// The units for systemd: read as strictly as systemd reads them, and held to what keeps tasks alive.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { AGENT_FLAGS, AGENT_FLAGS_NOT_YET } from '../../../src/agent/flags.ts'
import { parseFlags } from '../../../src/base/flags.ts'
import { EXIT } from '../../../src/cli/exit-codes.ts'
import { MASTER_FLAGS, MASTER_FLAGS_NOT_YET } from '../../../src/master/flags.ts'

const FOLDER = new URL('../../../packaging/systemd/', import.meta.url)

const YES = /^(yes|no)$/
const SPAN = /^(0|\d+(ms|s|min|h))$/
const WORDS = /^\S+( \S+)*$/
const COUNT = /^(\d+|infinity)$/
const PATH = /^-?\/\S+$/

/** Directives of systemd that our units use, with the form of their values (systemd.unit(5) and its neighbours). */
const KNOWN: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  Unit: { Description: /^\S.*$/, Wants: WORDS, After: WORDS, StartLimitIntervalSec: SPAN },
  Service: {
    Type: /^exec$/,
    EnvironmentFile: PATH,
    ExecStart: /^\/\S+( \S+)*$/,
    StateDirectory: /^[\w-]+$/,
    StateDirectoryMode: /^0[0-7]{3}$/,
    DynamicUser: YES,
    KillMode: /^(process|mixed|control-group)$/,
    KillSignal: /^SIG[A-Z]+$/,
    TimeoutStopSec: SPAN,
    Restart: /^(always|on-failure)$/,
    RestartSec: SPAN,
    RestartPreventExitStatus: /^\d+( \d+)*$/,
    Delegate: YES,
    Slice: /^[\w-]+\.slice$/,
    TasksMax: COUNT,
    LimitNOFILE: COUNT,
    LimitCORE: COUNT,
    OOMScoreAdjust: /^-?\d{1,4}$/,
    NoNewPrivileges: YES,
    ProtectSystem: /^(yes|no|full|strict)$/,
    ProtectHome: /^(yes|no|read-only|tmpfs)$/,
    PrivateTmp: YES,
    PrivateDevices: YES,
    ProtectKernelTunables: YES,
    ProtectKernelModules: YES,
    ProtectControlGroups: YES,
    RestrictAddressFamilies: WORDS,
    RestrictSUIDSGID: YES,
    CapabilityBoundingSet: /^$/,
  },
  Install: { WantedBy: WORDS },
  Slice: { CPUWeight: /^([1-9]\d{0,3}|10000)$/, CPUAccounting: YES, MemoryAccounting: YES },
}

type Unit = Readonly<Record<string, Readonly<Record<string, string>>>>

/** Throws for whatever systemd would ignore with a warning, and for what is said twice. */
function readUnit(name: string): Unit {
  const unit: Record<string, Record<string, string>> = {}
  let section: string | undefined
  for (const [index, line] of readFileSync(new URL(name, FOLDER), 'utf8').split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue
    const where = `${name}:${index + 1} '${line}'`
    const head = /^\[(\w+)\]$/.exec(line)?.[1]
    if (head !== undefined) {
      if (KNOWN[head] === undefined || unit[head] !== undefined) throw new Error(`${where}: no new section`)
      section = head
      unit[section] = {}
      continue
    }
    const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? []
    const form = KNOWN[section ?? '']?.[key]
    const values = unit[section ?? '']
    if (form === undefined || values === undefined) throw new Error(`${where}: no directive of [${section}]`)
    if (!form.test(value)) throw new Error(`${where}: not the form of ${key}`)
    if (values[key] !== undefined) throw new Error(`${where}: said twice`)
    values[key] = value
  }
  return unit
}

const NAMES = ['tepui-agent.service', 'tepui-master.service', 'tepui.slice']

test('the folder holds these units, each with nothing in it that systemd does not know', () => {
  expect(readdirSync(FOLDER).sort()).toEqual(NAMES)
  for (const name of NAMES) expect(readUnit(name)['Unit']?.['Description']).toMatch(/Tepui/)
})

describe.each(['tepui-agent.service', 'tepui-master.service'])('%s', (name) => {
  const { Unit, Service, Install } = readUnit(name)

  test('is started with the machine and again whenever it ended, for ever, unless a flag is wrong', () => {
    expect(Unit).toMatchObject({ StartLimitIntervalSec: '0' })
    expect(Service).toMatchObject({ Restart: 'always', RestartPreventExitStatus: String(EXIT.usage) })
    expect(Install).toEqual({ WantedBy: 'multi-user.target' })
  })

  test('lives in our slice, with limits of its own', () => {
    expect(Service).toMatchObject({ Slice: 'tepui.slice', LimitCORE: '0' })
    expect(NAMES).toContain(Service?.['Slice'])
    expect(Number(Service?.['LimitNOFILE'])).toBeGreaterThan(65_535)
  })

  test('has time to end by itself before it is killed', () => {
    expect(Service?.['KillSignal']).toBe('SIGTERM')
    expect(Number.parseInt(Service?.['TimeoutStopSec'] ?? '', 10)).toBeGreaterThan(15)
  })

  test('starts a command of ours with flags that it has, in the folder that systemd makes for it', () => {
    const [program, command, ...flags] = (Service?.['ExecStart'] ?? '').split(' ')
    expect([program, command]).toEqual(['/usr/bin/tepui', name.replace(/tepui-|\.service/g, '')])
    const parsed =
      command === 'agent'
        ? parseFlags(AGENT_FLAGS, flags, {}, AGENT_FLAGS_NOT_YET)
        : parseFlags(MASTER_FLAGS, flags, {}, MASTER_FLAGS_NOT_YET)
    expect(parsed.values.work_dir).toBe(`/var/lib/${Service?.['StateDirectory']}`)
    expect(Service?.['EnvironmentFile']).toBe(`-/etc/tepui/${command}.env`)
  })
})

test('an end of the agent ends the agent alone, and systemd keeps out of its control groups', () => {
  const { Unit, Service } = readUnit('tepui-agent.service')
  expect(Service).toMatchObject({ KillMode: 'process', Delegate: 'yes', TasksMax: 'infinity' })
  // A dependency that stops us together with the engine would be the end of what recovery is for.
  expect(Unit).not.toHaveProperty('Requires')
  expect(Unit).not.toHaveProperty('BindsTo')
})

test('the agent sees the machine as the engine and the tasks do', () => {
  const { Service } = readUnit('tepui-agent.service')
  const hidden = /^(Private|Protect|Restrict|NoNew|Dynamic|Capability|Read|Inaccessible|User$|Memory)/
  expect(Object.keys(Service ?? {}).filter((key) => hidden.test(key))).toEqual([])
})
