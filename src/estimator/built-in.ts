// Which estimators are built in.
import { loadPlugin } from '../base/plugins.ts'
import type { EstimatorFactory } from './estimator.ts'
import { GuardedEstimator } from './guarded.ts'
import fixedEstimator from './fixed.ts'
import usageEstimator from './usage.ts'

const BUILT_IN: Readonly<Record<string, EstimatorFactory>> = {
  fixed: fixedEstimator,
  org_apache_mesos_FixedResourceEstimator: fixedEstimator,
  usage: usageEstimator,
}

/** Makes the estimator that `--resource_estimator` names, guarded; undefined for `noop`: nothing is ever lent. */
export async function loadEstimator(
  flag: string,
  onTrouble: (reason: string) => void,
): Promise<GuardedEstimator | undefined> {
  const estimator = await loadPlugin('estimator', BUILT_IN, flag)
  return estimator === undefined ? undefined : new GuardedEstimator(estimator, onTrouble)
}
