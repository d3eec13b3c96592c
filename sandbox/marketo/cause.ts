/** Who or what made a write, as the change log tells it. */
export interface Cause {
  source: string
  reason?: string
  campaignId?: number
  api?: { requestId: string; method: string; user: string }
}

/** A visitor fills out a form: what a human's edit is unless said otherwise. */
export const FORM: Cause = { source: 'Web form fillout', reason: 'Filled out form' }

/** The e-mail of the API-only user whose token everybody uses. */
export const API_USER = 'sync.person@sandbox.example'

const API_SOURCE = 'Web service API'

/** Adobe, "Activities": source and reason of a REST write are the same words, whoever calls. */
export function apiCause(requestId: string, method: string): Cause {
  return { source: API_SOURCE, reason: API_SOURCE, api: { requestId, method, user: API_USER } }
}
