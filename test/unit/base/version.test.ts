// The versions as constants agree with the package.
import { expect, test } from 'vitest'
import packageJson from '../../../package.json' with { type: 'json' }
import { MESOS_API_VERSION, TEPUI_VERSION } from '../../../src/base/version.ts'

test('our version is that of the package', () => {
  expect(TEPUI_VERSION).toBe(packageJson.version)
})

test('the version of the API has nothing but dotted integers, as clients turn each part into a number', () => {
  expect(MESOS_API_VERSION).toMatch(/^\d+\.\d+\.\d+$/)
})
