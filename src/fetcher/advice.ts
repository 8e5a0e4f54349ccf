// What people can do about a fetch that failed, as far as its cause tells; stands behind the reason in the message.
import { OperatingError } from '../base/errors.ts'

/** Codes of the system that tell of the agent's own disk. */
const DISK = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EFBIG', 'EMFILE', 'ENFILE'])

/** What Node says of a certificate that nobody vouches for. */
const UNTRUSTED = new Set([
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])
/** What else is wrong between us and a server that should speak TLS, with what to do. */
const TLS_STEPS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "The server needs a new certificate, unless the agent's clock is wrong",
  CERT_NOT_YET_VALID: "Is the agent's clock right? The server's certificate is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: 'Call the server by a name that is in its certificate',
  EPROTO: 'Does the server speak TLS at this port? If not, say http:// in the URI',
}

const PROXY_STEP =
  'The proxy refuses: http_proxy, https_proxy of the agent are http://USER:PASSWORD@HOST:PORT; no_proxy exempts hosts'

/** The server cannot be talked to over TLS, however often one tries. */
export function isTlsTrouble(error: unknown): boolean {
  return byCertificate(codeOf(error)) !== undefined
}

export function isDiskTrouble(error: unknown): boolean {
  return causes(error).some((cause) => DISK.has(codeOf(cause)))
}

export function sumMismatch(is: string, wanted: string): OperatingError {
  return new OperatingError('FETCH', `its sha256 is ${is}, not ${wanted}`, {
    hint: 'The file is not the one that was meant: correct the URI or its #sha256=',
  })
}

/** The hint of the error itself, or of the first of its causes that tells what to do. */
export function nextStep(error: unknown): string | undefined {
  for (const cause of causes(error)) {
    if (cause instanceof OperatingError && cause.hint !== undefined) return cause.hint
    const step = byCode(cause) ?? byStatus(cause)
    if (step !== undefined) return step
  }
  return byWords(error)
}

function causes(error: unknown): unknown[] {
  const all: unknown[] = []
  for (let one = error; one !== undefined && one !== null && all.length < 10; one = (one as Error).cause)
    all.push(one)
  return all
}

const codeOf = (error: unknown): string => {
  const code = (error as { readonly code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}

function byCode(error: unknown): string | undefined {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return "The agent's disk is full: free some of it, or let sandboxes go earlier (--gc_delay)"
    case 'ENOENT':
      return 'A path must exist on every agent that the task may land on'
    case 'EACCES':
      return "The file must be readable for the task's user on the agent"
    case 'ECONNREFUSED':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return 'Is the server up, and can the agent reach it? http_proxy and https_proxy of the agent are used'
    case 'ERR_PROXY_TUNNEL':
      return PROXY_STEP
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'The agent cannot resolve the name of the server'
    default:
      return byCertificate(codeOf(error))
  }
}

function byCertificate(code: string): string | undefined {
  if (UNTRUSTED.has(code))
    return (
      'The agent does not know who signed the certificate: put that authority among those of its machine ' +
      '(update-ca-certificates), or start the agent with NODE_EXTRA_CA_CERTS=FILE'
    )
  return code.startsWith('ERR_SSL_') ? TLS_STEPS['EPROTO'] : TLS_STEPS[code]
}

function byStatus(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'HTTPError') return undefined
  const status = (error as { readonly response?: { readonly statusCode?: number } }).response?.statusCode ?? 0
  if (status === 407) return PROXY_STEP
  if (status === 401 || status === 403)
    return 'The server wants other credentials: http://USER:PASSWORD@HOST/… are sent'
  if (status === 404 || status === 410) return 'Is the URI right? Nothing is at this place'
  if (status >= 500 || status === 429) return 'The server was asked several times: try again later'
  return undefined
}

function byWords(error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : ''
  if (message.includes('--fetcher_stall_timeout'))
    return 'The server or the net is too slow: raise --fetcher_stall_timeout if that is how it is'
  if (error instanceof OperatingError && error.code === 'LIMIT')
    return 'Raise --fetcher_max_size of the agent if files of this size are meant'
  if (/archive|damaged|bomb|it holds more|packed|what is in it/.test(message))
    return 'Pack it anew, or set extract to false and unpack it in the task'
  return undefined
}
