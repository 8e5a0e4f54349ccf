// Which fields each scheduler call must carry: step 8 of the gate (spec/mesos.md 2.1, 2.2), before the core sees it.
import { unreachable } from '../../base/errors.ts'
import { uuidError } from '../../wire/identifiers.ts'
import type { SchedulerCall } from '../../wire/scheduler.ts'

/**
 * Checks one call as Mesos does and says what is wrong in its words (spec/recorded/gate.json); the gate puts
 * `Failed to validate scheduler::Call: ` before it and answers 400.
 *
 * @param principal of the authenticated sender, undefined when nobody is authenticated
 * @returns undefined when the call is well formed
 */
export function problemWithCall(call: SchedulerCall, principal: string | undefined): string | undefined {
  if (call.type === undefined) return "Expecting 'type' to be present"
  if (call.type === 'SUBSCRIBE') return problemWithSubscribe(call, principal)
  if (call.framework_id === undefined) return "Expecting 'framework_id' to be present"
  switch (call.type) {
    case 'UNKNOWN':
    case 'TEARDOWN':
    case 'REVIVE':
    case 'SUPPRESS':
      return undefined
    case 'ACCEPT':
      return expecting(call, 'accept')
    case 'DECLINE':
      return expecting(call, 'decline')
    case 'ACCEPT_INVERSE_OFFERS':
      return expecting(call, 'accept_inverse_offers')
    case 'DECLINE_INVERSE_OFFERS':
      return expecting(call, 'decline_inverse_offers')
    case 'KILL':
      return expecting(call, 'kill')
    case 'SHUTDOWN':
      return expecting(call, 'shutdown')
    case 'ACKNOWLEDGE':
      return expecting(call, 'acknowledge') ?? problemWithUuid(call.acknowledge?.uuid)
    case 'ACKNOWLEDGE_OPERATION_STATUS':
      return problemWithOperationAcknowledgement(call)
    case 'RECONCILE':
      return expecting(call, 'reconcile')
    case 'RECONCILE_OPERATIONS':
      return expecting(call, 'reconcile_operations')
    case 'MESSAGE':
      return expecting(call, 'message')
    case 'REQUEST':
      return expecting(call, 'request')
    case 'UPDATE_FRAMEWORK':
      return problemWithUpdateFramework(call)
    default:
      return unreachable(call.type, 'scheduler call')
  }
}

function expecting(call: SchedulerCall, field: keyof SchedulerCall): string | undefined {
  return call[field] === undefined ? `Expecting '${field}' to be present` : undefined
}

function problemWithSubscribe(call: SchedulerCall, principal: string | undefined): string | undefined {
  if (call.subscribe === undefined) return "Expecting 'subscribe' to be present"
  const { framework_info: info } = call.subscribe
  if ((info.id?.value ?? '') !== (call.framework_id?.value ?? '')) {
    return "'framework_id' differs from 'subscribe.framework_info.id'"
  }
  if (principal !== undefined && info.principal !== undefined && principal !== info.principal) {
    const named = `principal '${info.principal}' set in \`FrameworkInfo\``
    return `Authenticated principal '${principal}' does not match ${named}`
  }
  return undefined
}

function problemWithUuid(uuid: string | undefined): string | undefined {
  return uuid === undefined || uuidError(uuid) !== undefined ? 'Not a valid UUID' : undefined
}

function problemWithOperationAcknowledgement(call: SchedulerCall): string | undefined {
  const { acknowledge_operation_status: said } = call
  if (said === undefined) return "Expecting 'acknowledge_operation_status' to be present"
  return (
    problemWithUuid(said.uuid) ??
    (said.agent_id === undefined
      ? "Expecting 'acknowledge_operation_status.agent_id' to be present"
      : undefined)
  )
}

function problemWithUpdateFramework(call: SchedulerCall): string | undefined {
  const { update_framework: said, framework_id: id } = call
  if (said === undefined) return "Expecting 'update_framework' to be present"
  return said.framework_info.id?.value === id?.value
    ? undefined
    : "'framework_id' differs from 'update_framework.framework_info.id'"
}
