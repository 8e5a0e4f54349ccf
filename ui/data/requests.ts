// Questions to the master beside the stream, and a hook that asks again and again while a view is open.
import { useEffect, useState } from 'preact/hooks'
import type { Post } from './scheduler.ts'

const TIMEOUT_MS = 15_000

/** An address of the master, also where the page is reached below a prefix. */
export function address(path: string, query: Readonly<Record<string, string | number>> = {}): string {
  const url = new URL(path, document.baseURI)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value))
  return url.href
}

/** @throws Error with what the master said when it refused */
export async function ask(url: string, init: RequestInit = {}, signal?: AbortSignal): Promise<string> {
  const late = AbortSignal.timeout(TIMEOUT_MS)
  const both = signal === undefined ? late : AbortSignal.any([signal, late])
  const answer = await fetch(url, { ...init, signal: both })
  const text = await answer.text()
  if (!answer.ok) throw new Error(text.trim() === '' ? `status ${answer.status}` : text.trim())
  return text
}

export async function askJson<T>(url: string, signal?: AbortSignal): Promise<T> {
  return JSON.parse(await ask(url, {}, signal)) as T
}

export function postJson(url: string, value: unknown): Promise<string> {
  return ask(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(value),
  })
}

/** A call to the scheduler API; with the stream's id all but the first. */
export const postToScheduler: Post = (call, streamId, signal) =>
  fetch(address('api/v1/scheduler'), {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json',
      ...(streamId !== undefined && { 'Mesos-Stream-Id': streamId }),
    },
    body: JSON.stringify(call),
    ...(signal !== undefined && { signal }),
  })

/** What was answered last, which stays when the next question fails. */
export interface Fetched<T> {
  readonly value: T | undefined
  readonly error: string | undefined
  /** When it was answered, on the browser's clock. */
  readonly at: number
}

const NOTHING: Fetched<never> = { value: undefined, error: undefined, at: 0 }

/** Asks now and every `everyMs` (0: once) while the view is there; another address begins anew. */
export function useFetched<T>(
  url: string | undefined,
  everyMs = 0,
): Fetched<T> & { readonly reload: () => void } {
  const [state, setState] = useState<{ readonly url: string | undefined; readonly fetched: Fetched<T> }>({
    url,
    fetched: NOTHING,
  })
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    if (url === undefined) return undefined
    const ending = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const round = async (): Promise<void> => {
      try {
        const value = await askJson<T>(url, ending.signal)
        setState({ url, fetched: { value, error: undefined, at: Date.now() } })
      } catch (error) {
        if (ending.signal.aborted) return
        const words = error instanceof Error ? error.message : String(error)
        setState((old) => ({ url, fetched: { ...(old.url === url ? old.fetched : NOTHING), error: words } }))
      }
      if (everyMs > 0 && !ending.signal.aborted) timer = setTimeout(() => void round(), everyMs)
    }
    void round()
    return () => {
      ending.abort()
      clearTimeout(timer)
    }
  }, [url, everyMs, turn])
  const fetched = state.url === url ? state.fetched : NOTHING
  return { ...fetched, reload: () => setTurn((old) => old + 1) }
}
