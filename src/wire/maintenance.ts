// Windows of maintenance; kept for the API, which refuses them until maintenance is there.
import { InverseOfferStatus } from './inverse-offers.ts'
import { MachineID } from './machines.ts'
import { Unavailability } from './times.ts'
import { message, repeated, required, type Static } from './message.ts'

export const Window = message('mesos.v1.maintenance.Window', {
  machine_ids: repeated(1, MachineID),
  unavailability: required(2, Unavailability),
})
export type Window = Static<typeof Window>

export const Schedule = message('mesos.v1.maintenance.Schedule', {
  windows: repeated(1, Window),
})
export type Schedule = Static<typeof Schedule>

export const ClusterStatusDrainingMachine = message('mesos.v1.maintenance.ClusterStatus.DrainingMachine', {
  id: required(1, MachineID),
  statuses: repeated(2, InverseOfferStatus),
})
export type ClusterStatusDrainingMachine = Static<typeof ClusterStatusDrainingMachine>

export const ClusterStatus = message('mesos.v1.maintenance.ClusterStatus', {
  draining_machines: repeated(1, ClusterStatusDrainingMachine),
  down_machines: repeated(2, MachineID),
})
export type ClusterStatus = Static<typeof ClusterStatus>
