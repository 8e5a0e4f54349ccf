/**
 * Whom downloads over https trust: the certificates that Node brings, those of NODE_EXTRA_CA_CERTS, and those of the
 * machine, as curl does; a house with an authority of its own has put it there.
 */
import { Agent, type RequestOptions } from 'node:https'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'

/** Read once, when the first server is asked: hundreds of certificates take a moment and some memory. */
let trusted: SecureContext | undefined

/** An agent for https whose connections trust them. */
export class TrustingAgent extends Agent {
  override createConnection(
    options: RequestOptions,
    callback?: Parameters<Agent['createConnection']>[1],
  ): ReturnType<Agent['createConnection']> {
    trusted ??= createSecureContext({
      ca: [...new Set([...getCACertificates('default'), ...getCACertificates('system')])],
    })
    const own = { ...options, secureContext: trusted } as RequestOptions
    return super.createConnection(own, callback)
  }
}
