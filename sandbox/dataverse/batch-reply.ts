import { randomUUID } from 'node:crypto'
import type { Reply } from '../outcome.ts'
import { DataverseError } from './errors.ts'

/** Anything but a refusal in the vendor's words is a defect of the sandbox, answered as the vendor answers its own. */
export function toReply(problem: unknown): Reply {
  const error =
    problem instanceof DataverseError
      ? problem
      : new DataverseError(500, '0x80040216', `An unexpected error occurred. ${problem}`)
  return {
    status: error.status,
    headers: {
      'Content-Type': 'application/json; odata.metadata=minimal',
      'OData-Version': '4.0',
      ...error.headers,
    },
    body: error.body,
  }
}

const REASONS: Record<number, string> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  304: 'Not Modified',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  412: 'Precondition Failed',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
}

/** A reply as a part of a $batch. */
export function partText(reply: Reply, contentId: string | undefined): string {
  const lines = [
    'Content-Type: application/http',
    'Content-Transfer-Encoding: binary',
    ...(contentId === undefined ? [] : [`Content-ID: ${contentId}`]),
    '',
    `HTTP/1.1 ${reply.status} ${REASONS[reply.status] ?? 'Error'}`,
    ...(reply.status >= 400 ? [`REQ_ID: ${randomUUID()}`] : []),
    ...Object.entries(reply.headers).map(([name, value]) => `${name}: ${value}`),
    '',
    reply.body,
  ]
  return lines.join('\r\n')
}
