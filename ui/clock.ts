// The time of the page: that of the master, so that ages are right on machines whose clocks differ.
import { signal } from '@preact/signals'

let ahead = 0

/** Ticks each second; reading it draws ages anew. */
export const now = signal(Date.now())

export const clockNow = (): number => Date.now() + ahead

/** The master said what time it is. */
export function setMasterTime(time: number): void {
  ahead = time - Date.now()
}

setInterval(() => (now.value = clockNow()), 1000)

/** The same moment on the clock of this browser, which tells how long nothing was heard. */
export const browserNow = (time: number): number => time - ahead
