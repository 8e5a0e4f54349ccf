// Names and addresses of a cluster in network namespaces: all follow from its number. Pure.

/** Numbers that a cluster may have: each is a network 198.18.N.0/24, of those for trying things (RFC 2544). */
export const NUMBERS = { least: 1, most: 254 } as const
/** The members' addresses begin here; below it this machine has .1 and the master .2. */
const FIRST_AGENT = 11

const NAME = /^tepui-(\d{1,3})(?:-([a-z0-9]+))?$/

/** The namespace with the bridge, and this machine's end of the cable into it. */
export const hubOf = (number: number): string => `tepui-${number}`
/** The namespace of one member. */
export const roomOf = (number: number, member: string): string => `${hubOf(number)}-${member}`
export const hostAddress = (number: number): string => addressOf(number, 1)
/** Held by a living cluster: a name in the kernel's abstract socket space, which goes with its process. */
export const lockOf = (number: number): string => `\0tepui-netns-${number}`

/** The address of the member at this place in the list that begins with the master. */
export function memberAddress(number: number, place: number): string {
  return addressOf(number, place === 0 ? 2 : FIRST_AGENT + place - 1)
}

function addressOf(number: number, last: number): string {
  return `198.18.${number}.${last}`
}

/** Number and member of a name that is one of ours; without a member it is the hub. */
export function readName(name: string): { number: number; member: string | undefined } | undefined {
  const form = NAME.exec(name)
  const number = Number(form?.[1] ?? 0)
  if (form === null || number < NUMBERS.least || number > NUMBERS.most) return undefined
  return { number, member: form[2] }
}

/** Whether this machine has a network of its own there, by the text of /proc/net/route; ways out of it do not count. */
export function isTaken(number: number, routes: string): boolean {
  const own = asNumber([198, 18, number, 1])
  return routes
    .split('\n')
    .slice(1)
    .some((line) => {
      const [, destination = '', , , , , , mask = ''] = line.split('\t')
      const [network, bits] = [fromHex(destination), fromHex(mask)]
      return bits !== 0 && ((own & bits) >>> 0 === network || (network & 0xff_ff_ff_00) >>> 0 === own - 1)
    })
}

/** Of /proc/net/route: hexadecimal, the first byte of the address last. */
function fromHex(text: string): number {
  return asNumber((text.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).toReversed())
}

function asNumber(bytes: readonly number[]): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0)
}
