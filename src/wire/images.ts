// The image of a container.
import { Labels } from './labels.ts'
import { Credential, Secret } from './secrets.ts'
import { bool, enumeration, message, optional, required, string, type Static } from './message.ts'

export const ImageType = enumeration('mesos.v1.Image.Type', {
  APPC: 1,
  DOCKER: 2,
})
export type ImageType = Static<typeof ImageType>

export const ImageAppc = message('mesos.v1.Image.Appc', {
  name: required(1, string),
  id: optional(2, string),
  labels: optional(3, Labels),
})
export type ImageAppc = Static<typeof ImageAppc>

export const ImageDocker = message('mesos.v1.Image.Docker', {
  name: required(1, string),
  credential: optional(2, Credential, { deprecated: true }),
  config: optional(3, Secret),
})
export type ImageDocker = Static<typeof ImageDocker>

export const Image = message('mesos.v1.Image', {
  type: required(1, ImageType),
  appc: optional(2, ImageAppc),
  docker: optional(3, ImageDocker),
  cached: optional(4, bool, { default: true }),
})
export type Image = Static<typeof Image>
