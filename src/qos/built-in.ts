// Which QoS controllers are built in.
import { loadPlugin } from '../base/plugins.ts'
import type { ControllerFactory, QosController } from './controller.ts'
import { GuardedController } from './guard.ts'
import loadController from './load.ts'
import pressureController from './pressure.ts'

const BUILT_IN: Readonly<Record<string, ControllerFactory>> = {
  load: loadController,
  org_apache_mesos_LoadQoSController: loadController,
  pressure: pressureController,
}

/** Makes the controller that `--qos_controller` names, guarded; undefined for `noop`: nothing is ever taken back. */
export async function loadQosController(
  flag: string,
  onTrouble: (reason: string) => void,
): Promise<QosController | undefined> {
  const controller = await loadPlugin('controller', BUILT_IN, flag)
  return controller === undefined ? undefined : new GuardedController(controller, onTrouble)
}
