import { randomUUID } from 'node:crypto'

export interface Budget {
  requestsLeft: number
  executionMsLeft: number
}

let replies = 0

/** Headers that every recorded reply carries. */
export function vendorHeaders(budget: Budget, dopHint: number): Record<string, string | string[]> {
  replies += 1
  const requestId = randomUUID()
  const doubled = replies % 3 === 0 ? `${randomUUID()},${requestId}` : requestId
  return {
    REQ_ID: requestId,
    'x-ms-service-request-id': doubled,
    AuthActivityId: randomUUID(),
    'CRM.ServiceId': 'CRMAppPool',
    'x-ms-dop-hint': String(dopHint),
    'x-ms-ratelimit-burst-remaining-xrm-requests': String(Math.max(0, budget.requestsLeft)),
    'x-ms-ratelimit-time-remaining-xrm-requests': thousands(budget.executionMsLeft / 1000),
    'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
    'Cache-Control': 'no-cache',
    Expires: '-1',
    'Set-Cookie': [
      'ARRAffinity=344ca2b1c5; path=/; secure; HttpOnly',
      `ReqClientId=${requestId}; path=/; secure; HttpOnly`,
    ],
  }
}

/** `1,200.00`: seconds with a thousands separator, as seen on the wire. */
function thousands(seconds: number): string {
  return Math.max(0, seconds).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
}
