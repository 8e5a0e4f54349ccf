// What is mounted into a container, and from where.
import { Image } from './images.ts'
import { Parameters } from './labels.ts'
import { Secret } from './secrets.ts'
import { enumeration, mapOf, message, optional, repeated, required, string, type Static } from './message.ts'

export const MountPropagationMode = enumeration('mesos.v1.MountPropagation.Mode', {
  UNKNOWN: 0,
  HOST_TO_CONTAINER: 1,
  BIDIRECTIONAL: 2,
})
export type MountPropagationMode = Static<typeof MountPropagationMode>

export const VolumeMode = enumeration('mesos.v1.Volume.Mode', {
  RW: 1,
  RO: 2,
})
export type VolumeMode = Static<typeof VolumeMode>

export const VolumeSourceType = enumeration('mesos.v1.Volume.Source.Type', {
  UNKNOWN: 0,
  DOCKER_VOLUME: 1,
  HOST_PATH: 4,
  SANDBOX_PATH: 2,
  SECRET: 3,
  CSI_VOLUME: 5,
})
export type VolumeSourceType = Static<typeof VolumeSourceType>

export const VolumeSourceSandboxPathType = enumeration('mesos.v1.Volume.Source.SandboxPath.Type', {
  UNKNOWN: 0,
  SELF: 1,
  PARENT: 2,
})
export type VolumeSourceSandboxPathType = Static<typeof VolumeSourceSandboxPathType>

export const VolumeSourceCSIVolumeVolumeCapabilityAccessModeMode = enumeration(
  'mesos.v1.Volume.Source.CSIVolume.VolumeCapability.AccessMode.Mode',
  {
    UNKNOWN: 0,
    SINGLE_NODE_WRITER: 1,
    SINGLE_NODE_READER_ONLY: 2,
    MULTI_NODE_READER_ONLY: 3,
    MULTI_NODE_SINGLE_WRITER: 4,
    MULTI_NODE_MULTI_WRITER: 5,
  },
)
export type VolumeSourceCSIVolumeVolumeCapabilityAccessModeMode = Static<
  typeof VolumeSourceCSIVolumeVolumeCapabilityAccessModeMode
>

export const MountPropagation = message('mesos.v1.MountPropagation', {
  mode: optional(1, MountPropagationMode),
})
export type MountPropagation = Static<typeof MountPropagation>

export const VolumeSourceDockerVolume = message('mesos.v1.Volume.Source.DockerVolume', {
  driver: optional(1, string),
  name: required(2, string),
  driver_options: optional(3, Parameters),
})
export type VolumeSourceDockerVolume = Static<typeof VolumeSourceDockerVolume>

export const VolumeSourceHostPath = message('mesos.v1.Volume.Source.HostPath', {
  path: required(1, string),
  mount_propagation: optional(2, MountPropagation),
})
export type VolumeSourceHostPath = Static<typeof VolumeSourceHostPath>

export const VolumeSourceSandboxPath = message('mesos.v1.Volume.Source.SandboxPath', {
  type: optional(1, VolumeSourceSandboxPathType),
  path: required(2, string),
})
export type VolumeSourceSandboxPath = Static<typeof VolumeSourceSandboxPath>

export const VolumeSourceCSIVolumeVolumeCapabilityBlockVolume = message(
  'mesos.v1.Volume.Source.CSIVolume.VolumeCapability.BlockVolume',
  {},
)
export type VolumeSourceCSIVolumeVolumeCapabilityBlockVolume = Static<
  typeof VolumeSourceCSIVolumeVolumeCapabilityBlockVolume
>

export const VolumeSourceCSIVolumeVolumeCapabilityMountVolume = message(
  'mesos.v1.Volume.Source.CSIVolume.VolumeCapability.MountVolume',
  {
    fs_type: optional(1, string),
    mount_flags: repeated(2, string),
  },
)
export type VolumeSourceCSIVolumeVolumeCapabilityMountVolume = Static<
  typeof VolumeSourceCSIVolumeVolumeCapabilityMountVolume
>

export const VolumeSourceCSIVolumeVolumeCapabilityAccessMode = message(
  'mesos.v1.Volume.Source.CSIVolume.VolumeCapability.AccessMode',
  {
    mode: required(1, VolumeSourceCSIVolumeVolumeCapabilityAccessModeMode),
  },
)
export type VolumeSourceCSIVolumeVolumeCapabilityAccessMode = Static<
  typeof VolumeSourceCSIVolumeVolumeCapabilityAccessMode
>

export const VolumeSourceCSIVolumeVolumeCapability = message(
  'mesos.v1.Volume.Source.CSIVolume.VolumeCapability',
  {
    block: optional(1, VolumeSourceCSIVolumeVolumeCapabilityBlockVolume, { oneof: 'access_type' }),
    mount: optional(2, VolumeSourceCSIVolumeVolumeCapabilityMountVolume, { oneof: 'access_type' }),
    access_mode: required(3, VolumeSourceCSIVolumeVolumeCapabilityAccessMode),
  },
)
export type VolumeSourceCSIVolumeVolumeCapability = Static<typeof VolumeSourceCSIVolumeVolumeCapability>

export const VolumeSourceCSIVolumeStaticProvisioning = message(
  'mesos.v1.Volume.Source.CSIVolume.StaticProvisioning',
  {
    volume_id: required(1, string),
    volume_capability: required(2, VolumeSourceCSIVolumeVolumeCapability),
    node_stage_secrets: mapOf(3, Secret),
    node_publish_secrets: mapOf(4, Secret),
    volume_context: mapOf(5, string),
  },
)
export type VolumeSourceCSIVolumeStaticProvisioning = Static<typeof VolumeSourceCSIVolumeStaticProvisioning>

export const VolumeSourceCSIVolume = message('mesos.v1.Volume.Source.CSIVolume', {
  plugin_name: required(1, string),
  static_provisioning: optional(2, VolumeSourceCSIVolumeStaticProvisioning),
})
export type VolumeSourceCSIVolume = Static<typeof VolumeSourceCSIVolume>

export const VolumeSource = message('mesos.v1.Volume.Source', {
  type: optional(1, VolumeSourceType),
  docker_volume: optional(2, VolumeSourceDockerVolume),
  host_path: optional(5, VolumeSourceHostPath),
  sandbox_path: optional(3, VolumeSourceSandboxPath),
  secret: optional(4, Secret),
  csi_volume: optional(6, VolumeSourceCSIVolume),
})
export type VolumeSource = Static<typeof VolumeSource>

export const Volume = message('mesos.v1.Volume', {
  mode: required(3, VolumeMode),
  container_path: required(1, string),
  host_path: optional(2, string),
  image: optional(4, Image),
  source: optional(5, VolumeSource),
})
export type Volume = Static<typeof Volume>
