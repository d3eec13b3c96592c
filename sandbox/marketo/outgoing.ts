const TIMEOUT_MS = 30_000
const RESPONSE_BYTES_MAX = 1024 * 1024

export interface Outgoing {
  method: string
  url: string
  headers: Readonly<Record<string, string>>
  body: string
}

export interface Answer {
  /** 0 = none. */
  status: number
  response: string
  /** Marketo's own code (1000, 1001), else the reason phrase of a failure; empty when all is well. */
  errorType: string
}

export function silence(errorType: string): Answer {
  return { status: 0, response: '', errorType }
}

/** Never rejects. */
export async function send(
  { method, url, headers, body }: Outgoing,
  closed: AbortSignal,
  timeoutMs = TIMEOUT_MS,
): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.any([closed, AbortSignal.timeout(timeoutMs)]),
      // Bytes: fetch would give a text a content type of its own.
      ...(method !== 'GET' && { body: Buffer.from(body) }),
    })
    const text = await readBounded(response)
    if (!response.ok) return { status: response.status, response: text, errorType: response.statusText }
    return { status: response.status, response: text, errorType: text === '' ? '1001' : '' }
  } catch (error) {
    const isTimeout = error instanceof Error && error.name === 'TimeoutError'
    return silence(isTimeout ? 'Timeout' : 'Connection failed')
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > RESPONSE_BYTES_MAX) break
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The pretended Marketo never leaves this machine, whoever drives it. */
export function isLoopback({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}
