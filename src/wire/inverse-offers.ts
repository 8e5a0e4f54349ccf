// What a framework said to an inverse offer.
import { FrameworkID } from './ids.ts'
import { TimeInfo } from './times.ts'
import { enumeration, message, required, type Static } from './message.ts'

export const InverseOfferStatusStatus = enumeration('mesos.v1.allocator.InverseOfferStatus.Status', {
  UNKNOWN: 1,
  ACCEPT: 2,
  DECLINE: 3,
})
export type InverseOfferStatusStatus = Static<typeof InverseOfferStatusStatus>

export const InverseOfferStatus = message('mesos.v1.allocator.InverseOfferStatus', {
  status: required(1, InverseOfferStatusStatus),
  framework_id: required(2, FrameworkID),
  timestamp: required(3, TimeInfo),
})
export type InverseOfferStatus = Static<typeof InverseOfferStatus>
