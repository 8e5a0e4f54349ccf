// The calls of the operator API that come with later work, by what they are about.
import { notYet, type CallHandler } from '../../http/operator/dispatch.ts'
import type { MasterCall, MasterCallType } from '../../wire/master-call.ts'

export const LATER = {
  'changing weights': ['GET_WEIGHTS', 'UPDATE_WEIGHTS'],
  'reserving resources': ['RESERVE_RESOURCES', 'UNRESERVE_RESOURCES'],
  'persistent volumes': ['CREATE_VOLUMES', 'DESTROY_VOLUMES', 'GROW_VOLUME', 'SHRINK_VOLUME'],
  maintenance: [
    'GET_MAINTENANCE_STATUS',
    'GET_MAINTENANCE_SCHEDULE',
    'UPDATE_MAINTENANCE_SCHEDULE',
    'START_MAINTENANCE',
    'STOP_MAINTENANCE',
  ],
  quota: ['GET_QUOTA', 'UPDATE_QUOTA', 'SET_QUOTA', 'REMOVE_QUOTA'],
} as const satisfies Readonly<Record<string, readonly MasterCallType[]>>

type LaterType = (typeof LATER)[keyof typeof LATER][number]

export const laterHandlers = (): Readonly<Record<LaterType, CallHandler<MasterCall>>> =>
  notYet<MasterCall, LaterType>(LATER)
