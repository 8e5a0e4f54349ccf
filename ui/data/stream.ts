// Holds the one stream from the master open; the browser comes back by itself and says what it saw last.
import type { StreamEvent } from '../../src/wire/page.ts'
import { isConnected, take } from './store.ts'

/** A stream that is closed for good (the master answered with an error) is opened anew after this. */
const AGAIN_MS = 2000

export function openStream(): void {
  const source = new EventSource(new URL('api/x1/stream', document.baseURI))
  source.onopen = () => (isConnected.value = true)
  source.onmessage = ({ data }: MessageEvent<string>) => {
    isConnected.value = true
    take(JSON.parse(data) as StreamEvent)
  }
  source.onerror = () => {
    isConnected.value = false
    if (source.readyState === EventSource.CLOSED) setTimeout(openStream, AGAIN_MS)
  }
}
