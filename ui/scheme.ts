// Light or dark: as the system has it, or as somebody chose; kept in the browser.
import { computed, effect, signal } from '@preact/signals'

export type Choice = 'system' | 'light' | 'dark'

const KEY = 'tepui-scheme'
const media = matchMedia('(prefers-color-scheme: dark)')
const system = signal(media.matches)
media.addEventListener('change', () => (system.value = media.matches))

export const choice = signal<Choice>(read())

/** True when it is dark. */
export const scheme = computed(() => (choice.value === 'system' ? system.value : choice.value === 'dark'))

effect(() => {
  document.documentElement.dataset['scheme'] = scheme.value ? 'dark' : 'light'
})

export function turn(): void {
  const next: Readonly<Record<Choice, Choice>> = { system: 'light', light: 'dark', dark: 'system' }
  choice.value = next[choice.value]
  try {
    localStorage.setItem(KEY, choice.value)
  } catch {
    // A browser that keeps nothing forgets the choice with the page.
  }
}

function read(): Choice {
  try {
    const kept = localStorage.getItem(KEY)
    return kept === 'light' || kept === 'dark' ? kept : 'system'
  } catch {
    return 'system'
  }
}
