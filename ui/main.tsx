/** The web page of the master: starts the one stream, listens to keys, and draws. */
import { render } from 'preact'
import { App } from './app.tsx'
import { openStream } from './data/stream.ts'
import { listenToKeys } from './keys.ts'
import './style.css'

openStream()
listenToKeys()
const root = document.querySelector('#page')
if (root !== null) render(<App />, root)
