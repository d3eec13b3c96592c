import type { Cause } from './cause.ts'
import { invalidValue, missingParameter } from './errors.ts'
import { perRecord, type RecordResult, recordsOf } from './records.ts'
import type { Members } from './request.ts'
import type { Subscription } from './subscription.ts'

/** Delete Leads: a result for each record, in order. Adobe, "Leads". */
export function deleteLeads(marketo: Subscription, body: Members, cause: Cause): RecordResult[] {
  return recordsOf(body).map(({ id }) =>
    perRecord(() => {
      const known = wholeId(id)
      marketo.remove(known, cause)
      return { id: known, status: 'deleted' }
    }),
  )
}

/** Merge Leads: `losers` as the query names them. */
export function mergeLeads(
  marketo: Subscription,
  winner: string,
  losers: readonly string[],
  cause: Cause,
): void {
  if (losers.length === 0) throw missingParameter('leadId')
  marketo.merge(wholeId(winner), losers.map(wholeId), cause)
}

function wholeId(id: unknown): number {
  if (/^\d{1,10}$/.test(String(id))) return Number(id)
  throw invalidValue(id, 'id')
}
