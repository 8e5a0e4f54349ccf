// The flags of the master: Mesos' names, meanings and defaults (spec/mesos.md 1.5, 1.6), and what is not supported yet.
import { boolFlag, type FlagValues, optionalFlag, pathFlag, textFlag, valueFlag } from '../base/flags.ts'
import {
  bytesFlag,
  choiceFlag,
  durationFlag,
  integerFlag,
  listFlag,
  optionalDurationFlag,
  portFlag,
} from '../base/flag-kinds.ts'
import { parseMinAllocatable } from '../resources/quantities.ts'
import { roleError } from '../wire/identifiers.ts'

const TEN_MINUTES_MS = 600_000

export const MASTER_FLAGS = {
  ip: textFlag('Address to listen on; the default is every address of this machine.'),
  port: portFlag(5050, 'Port to listen on; 0 takes a free one.'),
  advertise_ip: textFlag('Address that is told to others when it is not the one listened on.'),
  advertise_port: optionalFlag('Port that is told to others.', 'a port from 1 to 65535', toPort),
  hostname: textFlag('Name that is told to others; the default is the name of this machine or its address.'),
  hostname_lookup: boolFlag(true, 'Asks the resolver for a name when --hostname is not given.'),
  cluster: textFlag('Name of the cluster, for people.'),
  work_dir: pathFlag(
    'Folder for durable state: the log of events. The registry is in memory for now. Without it nothing is written.',
  ),
  registry: choiceFlag('in_memory', ['in_memory'], 'Where the registry lives. Only in_memory exists yet.'),
  allocator: choiceFlag(
    'hierarchical',
    ['hierarchical', 'HierarchicalDRF'],
    'Which allocator divides the resources.',
  ),
  role_sorter: choiceFlag('drf', ['drf'], 'How roles are ordered.', { alias: ['user_sorter'] }),
  framework_sorter: choiceFlag('drf', ['drf'], 'How frameworks of one role are ordered.'),
  allocation_interval: durationFlag('1secs', 'Time between two rounds of offers.', { minMs: 10 }),
  offer_timeout: optionalDurationFlag(
    'An offer that is not answered for so long is rescinded; the default is never.',
    {
      minMs: 1,
    },
  ),
  min_allocatable_resources: valueFlag(
    'cpus:0.01|mem:32',
    'Less than each of these amounts is not offered.',
    'amounts such as cpus:0.01|mem:32',
    (text) => {
      const sets = parseMinAllocatable(text)
      return 'rejected' in sets ? undefined : sets
    },
  ),
  fair_sharing_excluded_resource_names: listFlag(
    '',
    'Resources that do not count for fair shares, such as gpus.',
  ),
  filter_gpu_resources: boolFlag(true, 'Offers agents with GPUs only to frameworks with GPU_RESOURCES.'),
  roles: optionalFlag(
    'The only roles that frameworks may use, parted by commas (deprecated in Mesos).',
    'names of roles',
    toRoles,
  ),
  weights: optionalFlag(
    'Shares of roles, such as web=2,batch=1 (deprecated in Mesos).',
    'role=number, parted by commas',
    toWeights,
  ),
  root_submissions: boolFlag(true, "May frameworks of the user 'root' register?"),
  agent_ping_timeout: durationFlag(
    '15secs',
    'Time that an agent has to answer a ping.',
    { minMs: 1000, maxMs: 900_000 },
    { alias: ['slave_ping_timeout'] },
  ),
  max_agent_ping_timeouts: integerFlag(
    5,
    1,
    1000,
    'Pings in a row without answer after which an agent is unreachable.',
    {
      alias: ['max_slave_ping_timeouts'],
    },
  ),
  agent_callback_timeout: durationFlag(
    '5secs',
    'Time that an agent has to answer when it registers and is called back; with 0ns none is (of Tepui).',
    { maxMs: 60_000 },
  ),
  agent_reregister_timeout: durationFlag(
    '10mins',
    'Time that a disconnected agent has to come back before its tasks are unreachable.',
    { minMs: TEN_MINUTES_MS },
    { alias: ['slave_reregister_timeout'] },
  ),
  max_completed_frameworks: integerFlag(50, 0, 100_000, 'Ended frameworks that are remembered.'),
  max_completed_tasks_per_framework: integerFlag(
    1000,
    0,
    1_000_000,
    'Ended tasks that are remembered per framework.',
  ),
  max_unreachable_tasks_per_framework: integerFlag(
    1000,
    0,
    1_000_000,
    'Unreachable tasks that are remembered per framework.',
  ),
  registry_max_agent_count: integerFlag(102_400, 1, 10_000_000, 'Unreachable agents that are remembered.'),
  max_stream_backlog: integerFlag(
    16_777_216,
    65_536,
    2 ** 31,
    'Bytes that may wait for a slow reader of a stream before it is cut (of Tepui).',
  ),
  max_event_log_size: bytesFlag(
    '64MB',
    'Size of the log of events; the oldest go first. In memory, without --work_dir, a quarter of it (of Tepui).',
  ),
  max_operator_event_stream_subscribers: integerFlag(
    1000,
    1,
    100_000,
    'Readers of the operator event stream; when one more comes, the one that came first is ended.',
  ),
  quiet: boolFlag(false, 'Logs nothing to standard error.'),
  logging_level: choiceFlag(
    'INFO',
    ['DEBUG', 'INFO', 'WARNING', 'ERROR'],
    'The least grave lines that are logged.',
  ),
  log_dir: pathFlag('Folder of the log file; the default is standard error.'),
}

export type MasterFlags = FlagValues<typeof MASTER_FLAGS>

/**
 * Flags of Mesos that come with later work or never; giving one is refused, so that nobody trusts in it
 * (docs/compatibility.md).
 */
export const MASTER_FLAGS_NOT_YET: ReadonlySet<string> = new Set([
  'acls',
  'agent_removal_rate_limit',
  'allocator_agent_recovery_factor',
  'allocator_recovery_timeout',
  'authenticate',
  'authenticate_agents',
  'authenticate_frameworks',
  'authenticate_http',
  'authenticate_http_frameworks',
  'authenticate_http_readonly',
  'authenticate_http_readwrite',
  'authenticate_slaves',
  'authentication_v0_timeout',
  'authenticators',
  'authorizers',
  'credentials',
  'domain',
  'external_log_file',
  'firewall_rules',
  'hooks',
  'http_authenticators',
  'http_framework_authenticators',
  'initialize_driver_logging',
  'ip_discovery_command',
  'log_auto_initialize',
  'logbufsecs',
  'master_contender',
  'master_detector',
  'max_executors_per_agent',
  'memory_profiling',
  'modules',
  'modules_dir',
  'offer_constraints_re2_max_mem',
  'offer_constraints_re2_max_program_size',
  'publish_per_framework_metrics',
  'quorum',
  'rate_limits',
  'recovery_agent_removal_limit',
  'recovery_slave_removal_limit',
  'registry_fetch_timeout',
  'registry_gc_interval',
  'registry_max_agent_age',
  'registry_store_timeout',
  'registry_strict',
  'require_agent_domain',
  'slave_removal_rate_limit',
  'webui_dir',
  'whitelist',
  'zk',
  'zk_session_timeout',
])

function toPort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536 ? Number(text) : undefined
}

function toRoles(text: string): readonly string[] | undefined {
  const roles = text.split(',').map((role) => role.trim())
  return roles.some((role) => roleError(role) !== undefined) ? undefined : roles
}

function toWeights(text: string): ReadonlyMap<string, number> | undefined {
  const weights = new Map<string, number>()
  for (const pair of text.split(',')) {
    const cut = pair.lastIndexOf('=')
    const role = pair.slice(0, cut).trim()
    const weight = Number(pair.slice(cut + 1))
    if (cut <= 0 || roleError(role) !== undefined || !(weight > 0 && weight < 1e6)) return undefined
    weights.set(role, weight)
  }
  return weights
}
