// What the Docker Engine answers, as far as it is read here (Engine API 1.41).

/** What the engine is and which powers it has; from its `/info` and `/version`. */
export interface EngineDescription {
  readonly version: string
  readonly apiVersion: string
  readonly cgroupDriver: string
  readonly cgroupVersion: string
  /** The key under which credentials for images without a registry's name are kept. */
  readonly indexServer: string | undefined
  /** Where it keeps its images and containers. */
  readonly folder: string | undefined
}

/** The part of an inspect answer that is read here; `raw` is all of it. */
export interface ContainerDescription {
  readonly Id: string
  readonly State: {
    readonly Running: boolean
    readonly Status: string
    readonly Pid: number
    readonly ExitCode: number
    readonly OOMKilled: boolean
    readonly Error: string
    /** ISO times. */
    readonly StartedAt?: string
    readonly FinishedAt?: string
  }
  readonly Config: {
    readonly StopSignal?: string
    readonly Tty: boolean
    readonly Labels?: Readonly<Record<string, string>>
  }
  readonly HostConfig: { readonly NetworkMode: string; readonly Memory?: number }
  readonly NetworkSettings: {
    readonly IPAddress?: string
    readonly Networks?: Readonly<
      Record<string, { readonly IPAddress?: string; readonly GlobalIPv6Address?: string }>
    >
  }
}

export interface Inspection {
  readonly description: ContainerDescription
  /** JSON text as the engine sent it. */
  readonly raw: string
}

/** Empty ids and NaN: the engine named none. */
export type ContainerEvent =
  | { readonly kind: 'end'; readonly id: string; readonly exitCode: number }
  /** Somebody, we included, had the engine send a signal. */
  | { readonly kind: 'signal'; readonly id: string; readonly signal: number }

/** A command that was run beside a container's first process. */
export interface ExecState {
  readonly Running: boolean
  /** Null while it runs. */
  readonly ExitCode: number | null
  /** In the host's numbering; 0 before it started. */
  readonly Pid: number
}

export interface PullLine {
  readonly status?: string
  readonly id?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
  readonly error?: string
}

export interface RegistryAuth {
  readonly username?: string
  readonly password?: string
  readonly identitytoken?: string
  readonly serveraddress: string
}

export interface ListedContainer {
  readonly Id: string
  readonly Names: readonly string[]
  readonly Labels: Readonly<Record<string, string>>
  readonly State: string
}

/** Of `/stats`; nanoseconds and bytes. Fields that the machine cannot tell are absent. */
export interface EngineStatistics {
  readonly cpu_stats: {
    readonly cpu_usage: {
      readonly total_usage: number
      readonly usage_in_usermode: number
      readonly usage_in_kernelmode: number
    }
    readonly throttling_data?: {
      readonly periods: number
      readonly throttled_periods: number
      readonly throttled_time: number
    }
  }
  readonly memory_stats: {
    readonly usage?: number
    readonly max_usage?: number
    readonly limit?: number
    readonly stats?: Readonly<Record<string, number>>
  }
  readonly pids_stats?: { readonly current?: number }
}
