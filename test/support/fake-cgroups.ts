// A kernel's control groups in a temp folder: new groups get their files, and the rules that bite are kept.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { kernelFiles, type KernelFiles } from '../../src/containerizer/cgroups/files.ts'

export type FakeLayout = 'v1' | 'hybrid' | 'v2' | 'none'

export interface FakeOptions {
  /** Files that this kernel does not have, such as `cpu.idle`. */
  readonly without?: readonly string[]
  /** The v2 root has processes of its own and may not hand controllers down. */
  readonly busyRoot?: boolean
  readonly readOnly?: boolean
  /** The agent is not root, and nothing was delegated to its user. */
  readonly unprivileged?: boolean
}

const V1: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'cpu,cpuacct': {
    'cpu.shares': '1024',
    'cpu.idle': '0',
    'cpu.cfs_quota_us': '-1',
    'cpu.cfs_period_us': '100000',
    'cpu.stat': 'nr_periods 10\nnr_throttled 4\nthrottled_time 2500000000\n',
    'cpuacct.usage': '3500000000',
    'cpuacct.stat': 'user 200\nsystem 150\n',
  },
  memory: {
    'memory.limit_in_bytes': '9223372036854771712',
    'memory.memsw.limit_in_bytes': '9223372036854771712',
    'memory.soft_limit_in_bytes': '9223372036854771712',
    'memory.usage_in_bytes': '50000000',
    'memory.max_usage_in_bytes': '60000000',
    'memory.memsw.usage_in_bytes': '50000500\n',
    'memory.kmem.usage_in_bytes': '7000\n',
    'memory.kmem.tcp.usage_in_bytes': '300\n',
    'memory.failcnt': '0',
    'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 0\n',
    'memory.stat':
      'cache 1\nrss 2\ninactive_file 3\nswap 4\nmapped_file 5\nunevictable 6\n' +
      'total_cache 10\ntotal_rss 20\ntotal_inactive_file 30\n' +
      'total_swap 500\ntotal_mapped_file 60\ntotal_unevictable 70\n',
  },
  pids: { 'pids.max': 'max', 'pids.current': '7' },
  freezer: { 'freezer.state': 'THAWED' },
  blkio: { 'blkio.bfq.weight': '100' },
}

const UNIFIED = {
  'cgroup.subtree_control': '',
  'cgroup.freeze': '0',
  'cgroup.kill': '',
  'cpu.pressure': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 total=2\n',
  'memory.pressure': 'some avg10=0.00 total=7\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=250000\n',
}

const V2 = {
  cpu: { 'cpu.weight': '100', 'cpu.idle': '0', 'cpu.max': 'max 100000' },
  memory: {
    'memory.max': 'max',
    'memory.low': '0',
    'memory.swap.max': 'max',
    'memory.oom.group': '0',
    'memory.current': '50000000',
    'memory.swap.current': '500\n',
    'memory.peak': '60000000',
    'memory.events': 'low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n',
    'memory.events.local': 'low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n',
    'memory.stat':
      'anon 20\nfile 10\ninactive_file 30\nkernel 7000\nsock 300\nfile_mapped 60\nunevictable 70\n',
  },
  pids: { 'pids.max': 'max', 'pids.current': '7' },
  io: { 'io.weight': 'default 100' },
} as const

const V2_CPU_STAT =
  'usage_usec 3500000\nuser_usec 2000000\nsystem_usec 1500000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 2500000\n'

function refusal(code: string): Error {
  return Object.assign(new Error(`${code}: refused by the fake kernel`), { code })
}

export class FakeCgroups implements Disposable {
  readonly mount = mkdtempSync(join(tmpdir(), 'tepui-cgroups-'))
  readonly files: KernelFiles
  /** Every write, in order: `cpu,cpuacct/tepui_1_lent/cpu.idle=1`. */
  readonly writes: string[] = []
  readonly #options: FakeOptions

  constructor(layout: FakeLayout, options: FakeOptions = {}) {
    this.#options = options
    if (layout === 'v2') this.#makeUnified(this.mount)
    if (layout === 'hybrid') this.#makeUnified(join(this.mount, 'unified'))
    if (layout === 'v1' || layout === 'hybrid') {
      for (const name of Object.keys(V1)) this.#fill(join(this.mount, name), { 'cgroup.procs': '' })
      symlinkSync('cpu,cpuacct', join(this.mount, 'cpu'))
    }
    this.files = {
      ...kernelFiles,
      makeDirectory: (path) => {
        if (options.readOnly === true) throw refusal('EROFS')
        if (options.unprivileged === true) throw refusal('EACCES')
        const made = kernelFiles.makeDirectory(path)
        if (made) this.#populate(path)
        return made
      },
      write: (path, text) => this.#write(path, text),
      removeDirectory: (path) => {
        if (!existsSync(path)) return 'absent'
        if (kernelFiles.directories(path).length > 0 || this.#procs(path) !== '') return 'busy'
        rmSync(path, { recursive: true })
        return 'removed'
      },
    }
  }

  read(path: string): string {
    return readFileSync(join(this.mount, path), 'utf8')
  }

  set(path: string, text: string): void {
    writeFileSync(join(this.mount, path), text)
  }

  [Symbol.dispose](): void {
    rmSync(this.mount, { recursive: true, force: true })
  }

  #procs(path: string): string {
    const file = join(path, 'cgroup.procs')
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }

  #makeUnified(path: string): void {
    const controllers = path === this.mount ? 'cpuset cpu io memory hugetlb pids' : 'hugetlb'
    const files = { 'cgroup.controllers': controllers, 'cgroup.procs': '', 'cgroup.subtree_control': '' }
    this.#fill(path, files)
  }

  #fill(path: string, files: Readonly<Record<string, string>>): void {
    mkdirSync(path, { recursive: true })
    for (const [name, text] of Object.entries(files)) {
      if (this.#options.without?.includes(name) !== true) writeFileSync(join(path, name), text)
    }
  }

  /** Gives a new group the files that the kernel would. */
  #populate(path: string): void {
    this.#fill(path, { 'cgroup.procs': '' })
    const [first = ''] = relative(this.mount, path).split('/')
    const v1 = V1[first]
    if (v1 !== undefined) {
      this.#fill(path, v1)
      return
    }
    const inherited = readFileSync(join(dirname(path), 'cgroup.subtree_control'), 'utf8').split(' ')
    const cpuStat = inherited.includes('cpu') ? V2_CPU_STAT : V2_CPU_STAT.split('nr_')[0]
    this.#fill(path, { ...UNIFIED, 'cgroup.controllers': inherited.join(' '), 'cpu.stat': cpuStat ?? '' })
    for (const [controller, files] of Object.entries(V2)) {
      if (inherited.includes(controller)) this.#fill(path, files)
    }
  }

  #write(path: string, text: string): void {
    if (!existsSync(path)) throw refusal('ENOENT')
    this.writes.push(`${relative(this.mount, path)}=${text}`)
    const read = (name: string): string => readFileSync(join(dirname(path), name), 'utf8')
    const name = path.slice(path.lastIndexOf('/') + 1)
    if ((name === 'cpu.shares' || name === 'cpu.weight') && this.#isIdle(path)) throw refusal('EINVAL')
    // At every moment the memory limit stays at or below that of memory and swap together.
    if (name === 'memory.limit_in_bytes' && existsSync(join(dirname(path), 'memory.memsw.limit_in_bytes'))) {
      if (limit(text) > limit(read('memory.memsw.limit_in_bytes'))) throw refusal('EINVAL')
    }
    if (name === 'memory.memsw.limit_in_bytes' && limit(text) < limit(read('memory.limit_in_bytes'))) {
      throw refusal('EINVAL')
    }
    if (name === 'cgroup.subtree_control') {
      if (this.#options.busyRoot === true && dirname(path) === this.mount) throw refusal('EBUSY')
      const controllers = read('cgroup.controllers').split(' ')
      if (!controllers.includes(text.slice(1))) throw refusal('ENOENT')
      writeFileSync(path, `${read(name)} ${text.slice(1)}`.trim())
      return
    }
    if (name === 'cgroup.kill') writeFileSync(join(dirname(path), 'cgroup.procs'), '')
    writeFileSync(path, text)
  }

  #isIdle(path: string): boolean {
    const idle = join(dirname(path), 'cpu.idle')
    return existsSync(idle) && readFileSync(idle, 'utf8') === '1'
  }
}

function limit(text: string): number {
  return text === '-1' ? Number.POSITIVE_INFINITY : Number(text)
}
