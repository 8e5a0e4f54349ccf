// Containers of the engine outlive an agent that is killed, and its next life finds them again.
import { beforeAll } from 'vitest'
import { recoveryCompliance } from '../compliance/recovery.ts'
import { requireEngine } from '../support/engine.ts'

beforeAll(requireEngine)

recoveryCompliance('docker')
