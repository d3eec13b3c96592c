import type { ServerResponse } from 'node:http'

export interface Reply {
  status: number
  headers: Record<string, string>
  body: string
}

/** What becomes of a request on the wire. */
export interface Outcome {
  /** 0 = the client never gets a whole reply. */
  status: number
  /** A server's own headers are set already. */
  send(response: ServerResponse): void
}

export const HTML_502 =
  '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>'

export function deliver(reply: Reply): Outcome {
  return {
    status: reply.status,
    send: (response) => {
      response.writeHead(reply.status, reply.headers)
      response.end(reply.body)
    },
  }
}

export function html(status: number, body: string): Outcome {
  return deliver({ status, headers: { 'Content-Type': 'text/html' }, body })
}

export function reset(): Outcome {
  return { status: 0, send: (response) => void response.socket?.resetAndDestroy() }
}

export function hang(): Outcome {
  return { status: 0, send: () => undefined }
}

/** Half a body: either the chunking ends properly, or more was announced and the connection dies. */
export function cut({ status, headers, body }: Reply, ending: 'clean' | 'abrupt'): Outcome {
  const half = body.slice(0, Math.ceil(body.length / 2))
  return {
    status: 0,
    send: (response) => {
      if (ending === 'clean') {
        response.writeHead(status, { ...headers, 'Transfer-Encoding': 'chunked' })
        response.end(half)
        return
      }
      response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) })
      response.write(half, () => response.socket?.destroy())
    },
  }
}

/** One byte a gap, so that a time-out which counts gaps never fires. */
export function drip({ status, headers, body }: Reply, gapMs: number): Outcome {
  return {
    status,
    send: (response) => {
      const bytes = Buffer.from(body)
      response.writeHead(status, { ...headers, 'Content-Length': bytes.length })
      response.flushHeaders()
      let sent = 0
      const timer = setInterval(() => {
        response.write(bytes.subarray(sent, sent + 1))
        sent += 1
        if (sent < bytes.length) return
        clearInterval(timer)
        response.end()
      }, gapMs)
      response.on('close', () => clearInterval(timer))
    },
  }
}
