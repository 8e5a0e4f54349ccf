// Archives that must not be unpacked, each with the words that its refusal must have. Made here, and stored nowhere.
import { deflateRawSync, gzipSync } from 'node:zlib'
import { END_MARK, pax, type TarPart, tar, tarPart } from './tar.ts'
import { endRecord, zip, type ZipPart } from './zip.ts'

export interface Hostile {
  readonly what: string
  /** Its name in the sandbox, which decides what becomes of it. */
  readonly name: string
  readonly bytes: Buffer
  readonly says: string
}

const LINK = 0o120777
const evil: TarPart = { name: 'evil', data: 'evil' }
const long = (part: string, times: number): string => Array.from({ length: times }, () => part).join('/')

const inTar = (what: string, says: string, ...parts: readonly TarPart[]): Hostile => ({
  what: `tar: ${what}`,
  name: 'a.tar',
  bytes: tar(...parts),
  says,
})

const inZip = (what: string, says: string, ...parts: readonly ZipPart[]): Hostile => ({
  what: `zip: ${what}`,
  name: 'a.zip',
  bytes: zip(...parts),
  says,
})

const raw = (what: string, name: string, bytes: Buffer, says: string): Hostile => ({
  what,
  name,
  bytes,
  says,
})

const TARS: readonly Hostile[] = [
  inTar('a name that climbs', "is outside: it has '..'", { ...evil, name: '../evil' }),
  inTar('a name that climbs from the midst', "is outside: it has '..'", {
    ...evil,
    name: 'a/b/../../../evil',
  }),
  inTar('two dots as the last part', "is outside: it has '..'", { name: 'a/..', type: '5' }),
  inTar('an absolute name', 'is outside: it is absolute', { ...evil, name: '/tmp/evil' }),
  inTar(
    'an absolute name in a pax header',
    'is outside: it is absolute',
    {
      name: 'x',
      type: 'x',
      data: pax({ path: '/tmp/evil' }),
    },
    evil,
  ),
  inTar(
    'a climbing name in a GNU header',
    "is outside: it has '..'",
    {
      name: '././@LongLink',
      type: 'L',
      data: '../../evil\0',
    },
    evil,
  ),
  inTar(
    'a climbing name for all that follow',
    "is outside: it has '..'",
    {
      name: 'g',
      type: 'g',
      data: pax({ path: '../evil' }),
    },
    evil,
  ),
  inTar('a pax name with NUL', 'contains NUL', { name: 'x', type: 'x', data: pax({ path: 'a\0b' }) }, evil),
  inTar('a link to an absolute path', 'links outside', { name: 'l', type: '2', linkName: '/etc' }),
  inTar('a link that climbs', 'links outside', { name: 'a/l', type: '2', linkName: '../../etc' }),
  inTar('a link that climbs from its midst', 'links outside', {
    name: 'l',
    type: '2',
    linkName: 'a/../../etc',
  }),
  inTar('a link to nothing', 'links outside', { name: 'l', type: '2', linkName: '' }),
  inTar(
    'links that climb together',
    'links outside',
    { name: 'd/e', type: '5' },
    { name: 'd/e/up', type: '2', linkName: '../..' },
    { name: 'out', type: '2', linkName: 'd/e/up/..' },
  ),
  inTar(
    'a file through a link',
    'which is no folder in it',
    { name: 'd', type: '5' },
    { name: 'l', type: '2', linkName: 'd' },
    { ...evil, name: 'l/evil' },
  ),
  inTar(
    'a file through a file',
    'which is no folder in it',
    { name: 'f', data: 'x' },
    { ...evil, name: 'f/evil' },
  ),
  inTar(
    'a folder in the place of a link',
    'which is no folder in it',
    { name: 'l', type: '2', linkName: 'd' },
    { name: 'l', type: '5' },
  ),
  inTar(
    'a file in the place of a folder',
    'both a folder and a file',
    { name: 'd', type: '5' },
    { ...evil, name: 'd' },
  ),
  inTar('a hard link that climbs', "is outside: it has '..'", {
    name: 'h',
    type: '1',
    linkName: '../../etc/passwd',
  }),
  inTar('a hard link to an absolute path', 'is outside: it is absolute', {
    name: 'h',
    type: '1',
    linkName: '/etc/passwd',
  }),
  inTar('a hard link to what is not in it', 'which is no file in it', {
    name: 'h',
    type: '1',
    linkName: 'x',
  }),
  inTar(
    'a hard link to a link',
    'which is no file in it',
    { name: 'l', type: '2', linkName: 'x' },
    { name: 'h', type: '1', linkName: 'l' },
  ),
  inTar(
    'a hard link through a link',
    'which is no file in it',
    { name: 'd/f', data: 'x' },
    { name: 'l', type: '2', linkName: 'd' },
    { name: 'h', type: '1', linkName: 'l/f' },
  ),
  inTar('a hard link with contents', 'a hard link with contents', {
    name: 'h',
    type: '1',
    linkName: 'h',
    data: 'x',
  }),
  inTar('a character device', 'a character device', { name: 'null', type: '3' }),
  inTar('a block device', 'a block device', { name: 'sda', type: '4' }),
  inTar('a pipe', 'a pipe', { name: 'fifo', type: '6' }),
  inTar('a sparse file', 'a sparse file', { name: 's', type: 'S', gnu: true }),
  inTar(
    'a sparse file of pax',
    'a sparse file',
    {
      name: 'x',
      type: 'x',
      data: pax({ 'GNU.sparse.major': '1' }),
    },
    evil,
  ),
  inTar('an entry of an unknown type', 'of the unknown type', { name: 'x', type: '!' }),
  inTar('the name of a log', 'is the name of a log', { ...evil, name: './stdout' }),
  inTar(
    'a name of many folders',
    'folders deep',
    { name: 'x', type: 'x', data: pax({ path: long('d', 300) }) },
    evil,
  ),
  inTar(
    'a part that no file system takes',
    'has a part of more than',
    {
      name: 'x',
      type: 'x',
      data: pax({ path: 'n'.repeat(300) }),
    },
    evil,
  ),
  inTar(
    'an endless name',
    'is longer than',
    { name: 'x', type: 'x', data: pax({ path: long('n'.repeat(200), 30) }) },
    evil,
  ),
  inTar('an extended header of gigabytes', 'nobody needs so long names', {
    name: 'x',
    type: 'x',
    size: 2 ** 31,
  }),
  inTar('a pax record that is longer than its header', 'no sound form', {
    name: 'x',
    type: 'x',
    data: '99 path=x\n',
  }),
  inTar(
    'a pax size that is no number',
    'is no number',
    { name: 'x', type: 'x', data: pax({ size: '-1' }) },
    evil,
  ),
  inTar('a wrong checksum', 'the checksum of a header is wrong', { ...evil, checksum: '0000001\0' }),
  inTar('a size that is no number', 'no octal number', { ...evil, sizeField: Buffer.from('9999999999z\0') }),
  inTar('a size beyond all numbers', 'far too large', { ...evil, sizeField: Buffer.alloc(12, 0xff) }),
  raw(
    'tar: more than the limit',
    'a.tgz',
    gzipSync(tar({ name: 'big', data: text(3_000_000) })),
    'it holds more than',
  ),
  raw(
    'tar: cut off within a file',
    'a.tar',
    tar({ name: 'f', data: Buffer.alloc(4096) }).subarray(0, 2000),
    'cut off',
  ),
  raw('tar: cut off between files', 'a.tar', tarPart(evil), 'cut off'),
  raw('tar: cut off within a header', 'a.tar', tarPart(evil).subarray(0, 300), 'cut off'),
  raw('tar: an extended header cut off', 'a.tar', tarPart({ name: 'x', type: 'x', size: 900 }), 'cut off'),
  raw('tar: nothing at all', 'a.tar', Buffer.alloc(0), 'cut off'),
  raw('tar: no archive', 'a.tar', Buffer.alloc(2048, 'nonsense'), 'no tar archive'),
  raw(
    'tar.gz: a bomb',
    'a.tgz',
    gzipSync(tar({ name: 'zeros', data: Buffer.alloc(1_900_000) })),
    'looks like a bomb',
  ),
  raw(
    'tar.gz: a bomb behind the end mark',
    'a.tgz',
    gzipSync(Buffer.concat([tar(evil), Buffer.alloc(1_900_000)])),
    'bomb',
  ),
  raw('tar.gz: cut off', 'a.tar.gz', gzipSync(tar(evil)).subarray(0, 60), 'damaged or cut off'),
  raw('tar.gz: its last sum is wrong', 'a.tar.gz', wrongEnd(gzipSync(tar(evil))), 'damaged or cut off'),
  raw(
    'tar.xz: damaged',
    'a.txz',
    Buffer.concat([Buffer.from('fd377a585a00', 'hex'), Buffer.alloc(99, 1)]),
    'damaged',
  ),
  raw('tar.bz2: damaged', 'a.tbz2', Buffer.from('BZh9 and then nonsense'), 'damaged'),
  raw('gz: no gzip', 'a.gz', Buffer.from('nonsense'), 'not packed by gzip'),
  raw('gz: a bomb', 'a.gz', gzipSync(Buffer.alloc(1_900_000)), 'looks like a bomb'),
  raw('gz: more than the limit', 'a.gz', gzipSync(text(3_000_000)), 'it holds more than'),
  raw('gz: the name of a log', 'stdout.gz', gzipSync('evil'), "would be called 'stdout'"),
]

const ZIPS: readonly Hostile[] = [
  inZip('a name that climbs', "is outside: it has '..'", { name: '../evil', data: 'x' }),
  inZip('an absolute name', 'is outside: it is absolute', { name: '/tmp/evil', data: 'x' }),
  inZip('a name that climbs as on DOS', "is outside: it has '..'", {
    name: '..\\evil',
    data: 'x',
    system: 0,
  }),
  inZip('a name with NUL', 'contains NUL', { name: 'a\0b', data: 'x' }),
  inZip('a link to an absolute path', 'links outside', { name: 'l', data: '/etc/passwd', mode: LINK }),
  inZip('a link that climbs', 'links outside', { name: 'l', data: '../x', mode: LINK, deflate: true }),
  inZip('a link of a megabyte', 'to no path', { name: 'l', data: Buffer.alloc(1_000_000, 'a'), mode: LINK }),
  inZip(
    'a file through a link',
    'which is no folder in it',
    { name: 'l', data: 'd', mode: LINK },
    { name: 'l/f' },
  ),
  inZip('a device', 'a device or pipe', { name: 'null', mode: 0o020666 }),
  inZip('a pipe', 'a device or pipe', { name: 'fifo', mode: 0o010644 }),
  inZip('a log', 'is the name of a log', { name: 'stderr', data: 'x' }),
  inZip('a wrong checksum', 'size or checksum', { name: 'f', data: 'x', crc: 7 }),
  inZip('more contents than it says', 'size or checksum', {
    name: 'f',
    data: noise(9000),
    deflate: true,
    bytes: 5,
  }),
  inZip('fewer contents than it says', 'size or checksum', {
    name: 'f',
    data: 'xx',
    deflate: true,
    bytes: 50,
  }),
  inZip('two sizes of a stored file', 'two sizes', { name: 'f', data: 'xx', bytes: 50 }),
  inZip('another name elsewhere', 'is called', { name: 'f', localName: 'g', data: 'x' }),
  inZip('encryption', 'is encrypted', { name: 'f', data: 'x', flags: 1 }),
  inZip('an unknown method', 'by method 12', { name: 'f', data: 'x', method: 12 }),
  inZip(
    'entries over each other',
    'over each other',
    { name: 'a', data: 'x' },
    { name: 'b', data: 'x', at: 0 },
  ),
  inZip('an entry behind the directory', 'over each other', { name: 'a', data: 'x', at: 5000 }),
  inZip('an entry that is longer than the file', 'over each other', {
    name: 'a',
    data: 'x',
    packedBytes: 90_000,
  }),
  inZip('a bomb', 'looks like a bomb', { name: 'zeros', data: Buffer.alloc(1_900_000), deflate: true }),
  inZip('more than the limit', 'it holds more than', { name: 'big', data: text(3_000_000), deflate: true }),
  raw('zip: its data damaged', 'a.zip', damagedData(), 'is damaged'),
  raw('zip: cut off', 'a.zip', zip({ name: 'f', data: 'x' }).subarray(0, 60), 'no zip archive'),
  raw('zip: a directory behind the end', 'a.zip', zipEnd(1, 46, 4000), 'behind its end'),
  raw('zip: more entries than there are', 'a.zip', zipEnd(9, 0, 4), 'fewer entries'),
  raw('zip: a directory of gigabytes', 'a.zip', zipEnd(1, 2 ** 31, 0), 'nobody ships so many names'),
  raw('zip: large sizes that are missing', 'a.zip', largeMissing(), 'a large size is missing'),
]

export const HOSTILE: readonly Hostile[] = [...TARS, ...ZIPS, manyEntries()]

/** Bytes that no packer makes smaller, the same in every run. */
function noise(bytes: number): Buffer {
  const data = Buffer.alloc(bytes)
  for (let index = 0, state = 1; index < bytes; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    data[index] = state >>> 24
  }
  return data
}

/** What packers make about half as large. */
function text(bytes: number): string {
  return noise(bytes / 2).toString('hex')
}

function wrongEnd(bytes: Buffer): Buffer {
  const wrong = Buffer.from(bytes)
  wrong[wrong.length - 8] = (wrong.at(-8) ?? 0) ^ 0xff
  return wrong
}

function damagedData(): Buffer {
  const data = Buffer.from('the same words again and again, the same words again and again')
  const bytes = zip({ name: 'f', data, deflate: true })
  const packed = deflateRawSync(data)
  return Buffer.concat([
    bytes.subarray(0, 31),
    Buffer.alloc(packed.length, 0xff),
    bytes.subarray(31 + packed.length),
  ])
}

function zipEnd(count: number, bytes: number, at: number): Buffer {
  return Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(60), endRecord(count, bytes, at)])
}

function largeMissing(): Buffer {
  return zip({ name: 'f', data: 'x', bytes: 0xff_ff_ff_ff })
}

function manyEntries(): Hostile {
  const one = tarPart({ name: 'f' })
  const bytes = Buffer.concat([...Array.from({ length: 1001 }, () => one), END_MARK])
  return raw('tar: too many entries', 'a.tar', bytes, 'files and folders')
}
