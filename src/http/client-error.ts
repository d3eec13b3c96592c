import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import { PROBLEM_TYPE, problemOf } from './problem.ts'

/** Requests that Node gives up on before Fastify sees them whole. Everything else is malformed HTTP. */
const CLIENT_ERRORS: Readonly<Record<string, readonly [status: number, code: string, detail: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'request-timeout', 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: [431, 'headers-too-large', 'The headers are larger than this service accepts.'],
}

/** Answers on the bare socket and closes it. `code` is Node's, from the server's `clientError` event. */
export function answerClientError(
  code: string | undefined,
  socket: Socket,
  requestId: string,
  logger: FastifyBaseLogger,
): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const known = CLIENT_ERRORS[code ?? '']
  const [status, problem, detail] = known ?? [
    400,
    'malformed-request',
    'The request is not well-formed HTTP.',
  ]
  logger.info({ event: 'request-unreadable', requestId, status, code: problem })
  const body = JSON.stringify(problemOf({ status, code: problem, detail }, requestId))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'Cache-Control: no-store',
    'Connection: close',
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  socket.destroySoon()
}
