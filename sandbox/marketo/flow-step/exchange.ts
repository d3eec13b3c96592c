import { isLoopback } from '../outgoing.ts'

export interface Sent {
  method: 'GET' | 'POST'
  url: string
  headers: Readonly<Record<string, string>>
  body?: Buffer
}

export interface Received {
  /** 0 = none. */
  status: number
  /** Media type in small letters, without parameters. */
  type: string
  body: Buffer
  /** Why there is no whole answer; empty when there is. */
  failure: string
}

export interface Bounds {
  signal: AbortSignal
  timeoutMs: number
}

export const ANSWER_BYTES_MAX = 1024 * 1024

/** One call to a provider, on this machine only; never rejects. Redirects are not followed. */
export async function exchange({ method, url, headers, body }: Sent, bounds: Bounds): Promise<Received> {
  const target = URL.parse(url)
  if (!target || !isLoopback(target)) return silence('the sandbox calls providers on loopback addresses only')
  let status = 0
  try {
    const response = await fetch(target, {
      method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.any([bounds.signal, AbortSignal.timeout(bounds.timeoutMs)]),
      ...(body && { body: new Uint8Array(body) }),
    })
    const type = (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
    status = response.status
    const bytes = await readBounded(response)
    return bytes ? { status, type, body: bytes, failure: '' } : silence('Too large', status)
  } catch (error) {
    const isTimeout = error instanceof Error && error.name === 'TimeoutError'
    return silence(isTimeout ? 'Timeout' : 'Connection failed')
  }
}

export function silence(failure: string, status = 0): Received {
  return { status, type: '', body: Buffer.alloc(0), failure }
}

/** undefined = more than a provider may say; leaving the loop ends the connection. */
async function readBounded(response: Response): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
