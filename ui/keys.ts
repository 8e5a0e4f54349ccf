// What the keyboard does anywhere in the page: `/` filters, `g` and a letter goes to a view, `?` shows all keys.
import { signal } from '@preact/signals'
import { go } from './route.ts'
import { VIEWS } from './views.ts'

export const helpIsOpen = signal(false)
/** After `g`, the next letter within so long names a view. */
const CHORD_MS = 1500
let chordUntil = 0

export function listenToKeys(): void {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const target = event.target as HTMLElement
    const isTyping = target.matches('input, textarea, select')
    if (event.key === 'Escape') {
      helpIsOpen.value = false
      if (isTyping) target.blur()
      return
    }
    if (isTyping) return
    if (chordUntil > event.timeStamp && goTo(event.key)) event.preventDefault()
    else if (event.key === '/') focusFilter(event)
    else if (event.key === '?') helpIsOpen.value = !helpIsOpen.value
    chordUntil = event.key === 'g' ? event.timeStamp + CHORD_MS : 0
  })
}

function goTo(letter: string): boolean {
  const view = VIEWS.find(({ key }) => key === letter)
  if (view !== undefined) go(`#/${view.path}`)
  return view !== undefined
}

function focusFilter(event: KeyboardEvent): void {
  const field = document.querySelector<HTMLInputElement>('#filter')
  if (field === null) return
  event.preventDefault()
  field.select()
}
