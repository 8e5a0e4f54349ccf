// Names of images: `[registry/]path[:tag][@digest]`.
import { type Rejection, rejection } from '../../base/errors.ts'

// The grammar of distribution's references, with its limits: 255 characters of name, 128 of tag.
const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const REGISTRY = '(?:\\[[a-fA-F0-9:]+\\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::[0-9]{1,5})?'
const TAG = '[\\w][\\w.-]{0,127}'
const DIGEST = '[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-f]{32,}'
const REFERENCE = new RegExp(
  `^(?<name>(?:${REGISTRY}/)?${COMPONENT}(?:/${COMPONENT})*)(?::(?<tag>${TAG}))?(?:@(?<digest>${DIGEST}))?$`,
)
const IMAGE_ID = /^sha256:[0-9a-f]{64}$/
const NAME_MAX = 255
const REFERENCE_MAX = 600

/** The reference with `:latest` where it has neither tag nor digest (spec/mesos.md 7.3), or why it is none. */
export function imageReference(image: string): string | Rejection {
  if (image === '') return rejection('container.docker.image: expected the name of an image, got nothing')
  const shown = image.length > 100 ? `${image.slice(0, 100)}…` : image
  if (IMAGE_ID.test(image)) return image
  const groups = image.length > REFERENCE_MAX ? undefined : REFERENCE.exec(image)?.groups
  if (groups === undefined || (groups['name'] ?? '').length > NAME_MAX)
    return rejection(
      `container.docker.image: expected [REGISTRY/]NAME[:TAG][@DIGEST] in lower case, got '${shown}'`,
    )
  return groups['tag'] === undefined && groups['digest'] === undefined ? `${image}:latest` : image
}

/** The registry's name and port when the reference begins with one; undefined means the engine's index server. */
export function registryOf(reference: string): string | undefined {
  const slash = reference.indexOf('/')
  if (slash < 0) return undefined
  const first = reference.slice(0, slash)
  return /[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first ? first : undefined
}

/** Of the engine's own index server and the names for it that mean the same. */
const INDEX_NAMES = ['docker.io', 'index.docker.io']

/** A reference as the engine lists it: with a tag, without the parts that go without saying. */
export function shortReference(image: string): string {
  const whole = imageReference(image)
  if (typeof whole !== 'string') return image
  const parts = whole.split('/')
  if (parts.length > 1 && INDEX_NAMES.includes(parts[0] ?? '')) parts.shift()
  if (parts.length === 2 && parts[0] === 'library') parts.shift()
  return parts.join('/')
}
