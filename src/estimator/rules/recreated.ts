// All rules that can be compared on one recording: ours, Mesos' own, and those of others as re-created here.
import type { EstimatorFactory } from '../estimator.ts'
import fixedEstimator from '../fixed.ts'
import usageEstimator from '../usage.ts'
import { autopilot } from './autopilot.ts'
import { borg } from './borg.ts'
import { katalyst } from './katalyst.ts'
import { koordinatorBatch, koordinatorMid, koordinatorSuppress } from './koordinator.ts'
import { serenity } from './serenity.ts'

/** By the name that `lend replay` takes. All but `usage` and `fixed` are rules re-created here. */
export const RULES: Readonly<Record<string, EstimatorFactory>> = {
  usage: usageEstimator,
  fixed: fixedEstimator,
  borg,
  autopilot,
  'koordinator-batch': koordinatorBatch,
  'koordinator-mid': koordinatorMid,
  'koordinator-suppress': koordinatorSuppress,
  katalyst,
  serenity,
}
