// Host containers outlive an agent that is killed, and its next life finds them again.
import { recoveryCompliance } from '../compliance/recovery.ts'

recoveryCompliance('host')
