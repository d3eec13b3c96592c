import { MarketoError, messageOf } from './errors.ts'
import type { Request } from './request.ts'

/** Every call that holds this text is refused as a whole, until a reset: one record that takes all others along. */
export interface WholeRefusal {
  containing: string
  code: string
  message?: string
}

/** Throws the refusal of a call. The code 413 is the HTTP status, with no envelope. */
export function refuseWhole(refusals: readonly WholeRefusal[], { path, body }: Request): void {
  const isRead = (text: string) => decodeURIComponent(text.replaceAll('+', ' '))
  const refusal = refusals.find(
    ({ containing }) =>
      isRead(path).includes(containing) || body.includes(containing) || form(body).includes(containing),
  )
  if (refusal) throw new MarketoError(refusal.code, refusal.message ?? messageOf(refusal.code))
}

/** A long read comes as a form. */
function form(body: string): string {
  return body.startsWith('{') ? '' : [...new URLSearchParams(body).values()].join(' ')
}
