// A small file system of its own in a file, mounted on a folder until the test is over; as root.
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'

/** @param place a folder to be made; its image lies beside it */
export function loopMount(place: string, megabytes: number): Disposable {
  const image = `${place}.img`
  mkdirSync(place)
  execFileSync('truncate', ['-s', `${megabytes}M`, image])
  execFileSync('mkfs.ext4', ['-q', '-m', '0', image])
  execFileSync('mount', ['-o', 'loop', image, place])
  return { [Symbol.dispose]: () => void execFileSync('umount', [place]) }
}
