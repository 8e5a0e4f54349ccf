// The flags of the agent: Mesos' names, meanings and defaults (spec/mesos.md 1.5, 1.7), and what is not supported yet.
import { bytesFlag, choiceFlag, durationFlag, integerFlag, listFlag, portFlag } from '../base/flag-kinds.ts'
import { readImageGcConfig } from './collection/image-config.ts'
import { isCronExpression } from '../gc/schedule.ts'
import { MODES } from './lending/switch.ts'
import { readWindows } from './lending/windows.ts'
import { RECONFIGURATION_POLICIES } from './reconfiguration.ts'
import { OperatingError } from '../base/errors.ts'
import { parseDuration } from '../base/units.ts'
import {
  boolFlag,
  type FlagValues,
  optionalFlag,
  pathFlag,
  textFlag,
  textOrPathFlag,
  valueFlag,
} from '../base/flags.ts'

const CONTAINERIZERS = ['docker', 'mesos'] as const
export type ContainerizerName = (typeof CONTAINERIZERS)[number]

export const AGENT_FLAGS = {
  master: textFlag(
    'Where the master is: host:port, http://host:port, or file://PATH of a file that says it.',
  ),
  work_dir: pathFlag('Folder for sandboxes and state; made when it does not exist. Required.'),
  runtime_dir: pathFlag('Folder for the state of running containers; the default is below the work folder.'),
  ip: textFlag('Address to listen on; the default is every address of this machine.'),
  port: portFlag(5051, 'Port to listen on; 0 takes a free one.'),
  advertise_ip: textFlag('Address that is told to others when it is not the one listened on.'),
  advertise_port: optionalFlag('Port that is told to others.', 'a port from 1 to 65535', (text) =>
    /^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536 ? Number(text) : undefined,
  ),
  hostname: textFlag('Name that is told to others; the default is the name of this machine or its address.'),
  hostname_lookup: boolFlag(true, 'Asks the resolver for a name when --hostname is not given.'),
  resources: textFlag(
    'What to offer, such as cpus:4;mem:8192, in place of what the machine has (JSON works too).',
  ),
  default_role: valueFlag('*', 'Role of resources that name none.', 'a role', (text) =>
    text === '' ? undefined : text,
  ),
  attributes: textFlag(
    'Attributes for frameworks, such as rack:a;zone:b, beside those read from the machine.',
  ),
  containerizers: valueFlag(
    'docker,mesos',
    'Containerizers in the order in which a task is offered to them.',
    'docker, mesos or both, parted by a comma',
    toContainerizers,
  ),
  docker_socket: valueFlag(
    '/var/run/docker.sock',
    "The Docker Engine's socket.",
    'an absolute path',
    toAbsolute,
  ),
  docker_config: textOrPathFlag(
    'Credentials for registries: JSON in the form of ~/.docker/config.json, or an absolute path to it.',
  ),
  docker_remove_delay: durationFlag('6hrs', 'Time for which an ended Docker container is kept.'),
  docker_kill_orphans: boolFlag(
    true,
    'Ends running Docker containers of an earlier life of this agent that nobody knows; else they are left.',
  ),
  docker_engine_timeout: durationFlag(
    '5mins',
    'An ended task counts as lost when the Docker Engine does not say how within this time (of Tepui).',
    { minMs: 1000 },
  ),
  docker_pull_stall_timeout: durationFlag('2mins', 'A pull without progress for so long fails (of Tepui).', {
    minMs: 1000,
  }),
  sandbox_directory: valueFlag(
    '/mnt/mesos/sandbox',
    'Where the sandbox is seen inside a Docker container.',
    'an absolute path',
    toAbsolute,
  ),
  container_disk_watch_interval: durationFlag(
    '15secs',
    'Time between two rounds in which the sandboxes of running containers are measured.',
    { minMs: 1000 },
  ),
  enforce_container_disk_quota: boolFlag(
    false,
    'Ends containers whose sandboxes take more than the disk reserved for them.',
  ),
  max_log_size: bytesFlag('10MB', 'Size at which stdout and stderr of a sandbox are rotated (of Tepui).'),
  log_head_size: bytesFlag(
    '64KB',
    'Bytes of the beginning of stdout and stderr that rotation leaves, as stdout.head and stderr.head (of Tepui).',
  ),
  pids_limit: integerFlag(
    4096,
    0,
    4_194_304,
    'Processes and threads per container; 0 sets no limit (of Tepui).',
  ),
  switch_user: boolFlag(true, 'Runs a task as its user; else as the agent.'),
  frameworks_home: textFlag('Folder that relative URIs start from.'),
  fetcher_stall_timeout: durationFlag('1mins', 'A download without progress for so long fails.', {
    minMs: 1000,
  }),
  fetcher_cache_size: bytesFlag('2GB', 'Room for fetched files that other tasks may want; 0B keeps none.'),
  fetcher_cache_dir: pathFlag(
    'Folder of these files, emptied at every start; the default is below the work folder.',
  ),
  fetcher_max_size: bytesFlag(
    '64GB',
    'Largest file that is fetched, and most that may come out of an archive (of Tepui).',
  ),
  hadoop_home: pathFlag(
    'Folder with bin/hadoop for hdfs://, s3:// and the like; else HADOOP_HOME, else hadoop on the PATH.',
  ),
  disable_exec: boolFlag(false, 'Refuses commands in running containers, such as tepui exec (of Tepui).'),
  executor_environment_variables: optionalFlag(
    'Variables for every executor and task, a JSON object of strings.',
    'a JSON object of strings',
    toEnvironment,
  ),
  executor_registration_timeout: durationFlag('1mins', 'Time that an executor has to subscribe.', {
    minMs: 1,
  }),
  executor_reregistration_timeout: durationFlag(
    '2secs',
    'Time that an executor has to subscribe again after a restart of the agent; at most 15 seconds.',
    { minMs: 1, maxMs: 15_000 },
  ),
  recover: choiceFlag(
    'reconnect',
    ['reconnect', 'cleanup'],
    'What becomes of what an earlier life left: taken up again, or ended and then the agent too.',
  ),
  recovery_timeout: durationFlag('15mins', 'Time for which executors wait for an agent that is away.'),
  reconfiguration_policy: choiceFlag(
    'equal',
    RECONFIGURATION_POLICIES,
    'How the agent may differ from its earlier life: not at all (equal), or have more (additive).',
  ),
  strict: boolFlag(true, 'Stops at a record of the earlier life that cannot be used; else leaves it out.'),
  executor_shutdown_grace_period: durationFlag('5secs', 'Time that an executor has to end after SHUTDOWN.'),
  registration_backoff_factor: durationFlag(
    '1secs',
    'First wait before registering; it doubles up to a minute.',
    { maxMs: 60_000 },
  ),
  max_completed_executors_per_framework: integerFlag(
    150,
    0,
    100_000,
    'Ended executors that are remembered per framework.',
  ),
  cgroups_hierarchy: valueFlag(
    '/sys/fs/cgroup',
    "Where the kernel's control groups are mounted.",
    'an absolute path',
    toAbsolute,
  ),
  cgroups_root: valueFlag(
    'tepui',
    'First part of the names of our control groups.',
    'letters, digits, - and _',
    (text) => (/^[A-Za-z0-9_-]{1,64}$/.test(text) ? text : undefined),
  ),
  cgroups_enable_cfs: boolFlag(false, 'Makes reserved cpus a hard limit (quota) too.'),
  cgroups_limit_swap: boolFlag(false, 'Counts swap into the memory limit.'),
  revocable_cpu_low_priority: boolFlag(true, "Runs borrowers in the kernel's lowest class."),
  resource_estimator: valueFlag(
    'noop',
    'Says what may be lent: noop, fixed, usage, or a module; NAME?option=value&…',
    'a name',
    toName,
  ),
  qos_controller: optionalFlag(
    'Says what must be taken back: noop, load, pressure, or a module; pressure when lending is on.',
    'a name',
    toName,
  ),
  lend_mode: optionalFlag(
    'How far lending goes: off, observe, lend (ends nobody) or full; full with an estimator (of Tepui).',
    'one of off, observe, lend, full',
    (text) => MODES.find((mode) => mode === text),
  ),
  lend_windows: valueFlag(
    '',
    "Minutes for lending, by cron: 'lend * 20-23 * * *;quiet * 2 * * 6'; always when empty (of Tepui).",
    "windows such as 'lend CRON;quiet CRON'",
    toWindows,
  ),
  oversubscribed_resources_interval: durationFlag('15secs', 'Time between two reports of a risen estimate.', {
    minMs: 100,
  }),
  lent_turn_max: valueFlag(
    '500us',
    "A borrower's longest turn on a processor that an owner wants; 0ns: until the kernel's tick (of Tepui).",
    'a duration from 100us to 10ms, or 0ns',
    toTurn,
  ),
  qos_correction_interval_min: durationFlag('0ns', 'Least time between two rounds of corrections.'),
  max_sessions: integerFlag(
    200,
    1,
    10_000,
    'Commands that operators run in running containers at a time (of Tepui).',
  ),
  max_container_sessions: integerFlag(
    50,
    1,
    10_000,
    'Those of them in one container, whose memory and processes they share (of Tepui).',
  ),
  max_stream_backlog: integerFlag(
    16_777_216,
    65_536,
    2 ** 31,
    'Bytes that may wait for a slow reader of a stream (of Tepui).',
  ),
  quiet: boolFlag(false, 'Logs nothing to standard error.'),
  logging_level: choiceFlag(
    'INFO',
    ['DEBUG', 'INFO', 'WARNING', 'ERROR'],
    'The least grave lines that are logged.',
  ),
  log_dir: pathFlag('Folder of the log file; the default is standard error.'),
  gc_delay: durationFlag('1weeks', 'Time for which the sandbox of an ended container is kept.'),
  gc_disk_headroom: valueFlag(
    '0.1',
    'Part of the disk that should stay free: sandboxes go earlier the fuller it is.',
    'a number from 0 to 1',
    toPart,
  ),
  disk_watch_interval: durationFlag(
    '1mins',
    'Time between two looks at the disk, by which sandboxes are collected earlier.',
    { minMs: 100 },
  ),
  image_gc_config: optionalFlag(
    'When unused Docker images that the agent pulled go: JSON as in Mesos; without it they stay.',
    'JSON such as {"image_disk_headroom": 0.1, "excluded_images": [{"type": "DOCKER", "docker": {"name": "a"}}]}',
    readImageGcConfig,
  ),
  disk_reserve: bytesFlag(
    '200MB',
    "Room on the work folder's disk that is kept for the agent itself, at most a fiftieth of it (of Tepui).",
  ),
  gc_schedule: valueFlag(
    '17 * * * *',
    'When sandboxes are looked through, a cron expression (of Tepui).',
    'a cron expression',
    (text) => (isCronExpression(text) ? text : undefined),
  ),
  isolation: listFlag(
    '',
    'Isolators that must be enforceable here, such as cgroups/cpu,cgroups/mem; else the agent does not start.',
  ),
}

export type AgentFlags = FlagValues<typeof AGENT_FLAGS>

/** Flags of Mesos that come later or never; giving one is refused, so that nobody trusts in it. */
export const AGENT_FLAGS_NOT_YET: ReadonlySet<string> = new Set(
  `
  acls agent_features agent_subsystems allowed_capabilities allowed_devices
  appc_simple_discovery_uri_prefix appc_store_dir authenticate_http_executors
  authenticate_http_readonly authenticate_http_readwrite authenticatee
  authentication_backoff_factor authentication_timeout_max authentication_timeout_min authorizer
  bounding_capabilities cgroups_cpu_enable_pids_and_tids_count cgroups_destroy_timeout
  cgroups_net_cls_primary_handle cgroups_net_cls_secondary_handles check_agent_port_range_only
  container_logger container_ports_isolated_range
  container_ports_watch_interval credential csi_plugin_config_dir default_container_dns
  default_container_info default_container_shm_size disallow_sharing_agent_ipc_namespace
  disallow_sharing_agent_pid_namespace disk_profile_adaptor docker
  docker_ignore_runtime docker_mesos_image docker_registry docker_stop_timeout docker_store_dir
  docker_volume_checkpoint_dir docker_volume_chown domain domain_socket_location
  effective_capabilities enforce_container_ports
  executor_reregistration_retry_interval executor_secret_key
  external_log_file firewall_rules
  gc_non_executor_container_sandboxes hooks host_path_volume_force_creation
  http_authenticators http_command_executor http_credentials http_executor_domain_sockets
  http_heartbeat_interval image_providers image_provisioner_backend
  initialize_driver_logging ip6 ip6_discovery_command ip_discovery_command jwt_secret_key launcher
  launcher_dir logbufsecs master_detector memory_profiling modules modules_dir
  network_cni_config_dir network_cni_metrics network_cni_plugins_dir network_cni_root_dir_persist
  nvidia_gpu_devices perf_duration perf_events perf_interval 
  resource_provider_config_dir seccomp_config_dir seccomp_profile_name
  secret_resolver slave_subsystems systemd_enable_support systemd_runtime_directory
  volume_gid_range xfs_kill_containers xfs_project_range xfs_quota_headroom zk_session_timeout
  `
    .trim()
    .split(/\s+/),
)

function toContainerizers(text: string): readonly ContainerizerName[] | undefined {
  const names = text.split(',').map((name) => name.trim())
  const known = CONTAINERIZERS.filter((name) => names.includes(name))
  return known.length === names.length && names.length > 0 ? (names as ContainerizerName[]) : undefined
}

function toAbsolute(text: string): string | undefined {
  return text.startsWith('/') ? text : undefined
}

function toWindows(text: string): string | undefined {
  try {
    return readWindows(text).text
  } catch (error) {
    if (error instanceof OperatingError) return undefined
    throw error
  }
}

function toTurn(text: string): number | undefined {
  const ms = parseDuration(text)
  return ms === 0 || (ms !== undefined && ms >= 0.1 && ms <= 10) ? ms : undefined
}

function toPart(text: string): number | undefined {
  const value = /^(0|1|0?\.\d+|[01]\.\d+)$/.test(text) ? Number(text) : undefined
  return value !== undefined && value <= 1 ? value : undefined
}

function toName(text: string): string | undefined {
  return text === '' ? undefined : text
}

function toEnvironment(text: string): Readonly<Record<string, string>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    return Object.values(value).every((one) => typeof one === 'string')
      ? (value as Record<string, string>)
      : undefined
  } catch {
    // Not JSON: the caller says what was expected.
    return undefined
  }
}
