// Which Linux this is, and how one installs the engine, sets the clock or boots with another kernel option there.

type Family = 'debian' | 'fedora' | 'suse' | 'arch' | 'alpine' | 'other'

export interface Distribution {
  /** As it calls itself. */
  readonly name: string
  readonly family: Family
  /** Boots by a file of its own in place of a boot loader's menu. */
  readonly isRaspberry: boolean
}

const FAMILIES: readonly (readonly [Family, RegExp])[] = [
  ['debian', /\b(debian|ubuntu|raspbian)\b/],
  ['fedora', /\b(fedora|rhel|centos|rocky|almalinux)\b/],
  ['suse', /\b(suse|sles|opensuse\S*)\b/],
  ['arch', /\barch\b/],
  ['alpine', /\balpine\b/],
]

const ENGINE: Readonly<Record<Family, string>> = {
  debian: 'apt-get install -y --no-install-recommends docker.io iptables apparmor',
  fedora: 'dnf install -y moby-engine && systemctl enable --now docker',
  suse: 'zypper install -y docker && systemctl enable --now docker',
  arch: 'pacman -S docker && systemctl enable --now docker',
  alpine: 'apk add docker && rc-update add docker && service docker start',
  other: "install the Docker Engine by your system's own means and start it",
}

const CLOCK: Readonly<Record<Family, string>> = {
  debian: 'apt-get install -y systemd-timesyncd && timedatectl set-ntp true',
  fedora: 'dnf install -y chrony && systemctl enable --now chronyd',
  suse: 'zypper install -y chrony && systemctl enable --now chronyd',
  arch: 'timedatectl set-ntp true',
  alpine: 'apk add chrony && rc-update add chronyd && service chronyd start',
  other: 'let an NTP service keep the clocks of all machines',
}

const TURNS: Readonly<Record<Family, string>> = {
  debian: 'apt-get install -y perl-base util-linux',
  fedora: 'dnf install -y perl-interpreter util-linux',
  suse: 'zypper install -y perl-base util-linux',
  arch: 'pacman -S perl util-linux',
  alpine: 'apk add perl util-linux-misc',
  other: "install Perl and util-linux (taskset, chrt) by your system's own means",
}

/**
 * Reads what the system says about itself.
 * @param release the text of /etc/os-release, empty where there is none
 * @param model of the board, empty where there is none
 */
export function distributionOf(release: string, model: string): Distribution {
  const field = (name: string): string =>
    new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(release)?.[1]?.trim() ?? ''
  const ids = `${field('ID')} ${field('ID_LIKE')}`.toLowerCase()
  const family = FAMILIES.find(([, words]) => words.test(ids))?.[0] ?? 'other'
  const name = field('PRETTY_NAME') || 'an unknown system'
  return { name, family, isRaspberry: /raspberry pi/i.test(model) }
}

export function engineFix({ family }: Distribution): string {
  return ENGINE[family]
}

/** What keeps the turns of borrowers short. */
export function turnsFix({ family }: Distribution): string {
  return TURNS[family]
}

export function clockFix({ family }: Distribution): string {
  return CLOCK[family]
}

/** How this system is booted with one more option for the kernel. */
export function bootFix({ family, isRaspberry }: Distribution, option: string): string {
  if (isRaspberry) return `add ${option} to the one line of /boot/firmware/cmdline.txt, then reboot`
  if (family === 'fedora') return `grubby --update-kernel=ALL --args=${option}, then reboot`
  const update = family === 'debian' ? 'update-grub' : 'grub-mkconfig -o /boot/grub/grub.cfg'
  return `add ${option} to GRUB_CMDLINE_LINUX in /etc/default/grub, run ${update}, then reboot`
}
