// A server under test with a few routes that say what they were given.
import { systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { Metrics } from '../../../src/base/metrics.ts'
import type { Route } from '../../../src/http/routes.ts'
import { listen, type HttpServer, type ListenOptions } from '../../../src/http/server.ts'

export interface Serving extends AsyncDisposable {
  readonly server: HttpServer
  readonly port: number
  readonly metrics: Metrics
}

export async function serving(
  routes: readonly Route[],
  options: Partial<ListenOptions> = {},
): Promise<Serving> {
  const metrics = new Metrics()
  const server = await listen({
    host: '127.0.0.1',
    port: 0,
    processes: ['master', 'slave(1)'],
    clock: systemClock,
    log: silentLogger,
    metrics,
    routes,
    ...options,
  })
  return { server, port: server.port, metrics, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}
