import {
  Busy,
  Conflict,
  type FailureDetail,
  Rejected,
  StoreUnavailable,
  Unauthorized,
  Unavailable,
} from '../errors.ts'

/** What stands in the way of a request, for those who wait for it. */

/** Another request for the same person does the work, and this one gets its result. */
export const TWIN_AT_WORK: FailureDetail = {
  code: 'twin-at-work',
  advice:
    'Nothing to do: another request for the same person is in progress, and this request gets its result.',
}

export const OUT_OF_TIME: FailureDetail = {
  code: 'attempt-timed-out',
  advice: 'Nothing to do: Dynamics took longer than one attempt may take. The request is retried.',
}

const BUSY: FailureDetail = {
  code: 'vendor-busy',
  advice: 'Nothing to do: Dynamics or Marketo asked the service to wait. The request is retried after that.',
}
const UNAVAILABLE: FailureDetail = {
  code: 'vendor-unavailable',
  advice:
    'Nothing to do, unless it persists: Dynamics, Entra ID or Marketo gave no usable answer. The request is retried.',
}
const CHANGING: FailureDetail = {
  code: 'record-changing',
  advice: 'Nothing to do: the record is being changed at the moment. The request is retried.',
}
const STORE_UNAVAILABLE: FailureDetail = {
  code: 'store-unavailable',
  advice: 'The database of this service cannot be used; /readyz gives the reason. The request is retried.',
}
const INTERNAL_ERROR: FailureDetail = {
  code: 'internal-error',
  advice:
    'An internal error of this service: the operator finds it in the log by the request id. The request is retried.',
}

export function obstacleOf(error: unknown): FailureDetail {
  if (error instanceof Unauthorized || error instanceof Rejected) return error.detail
  if (error instanceof Busy) return BUSY
  if (error instanceof Conflict) return CHANGING
  if (error instanceof StoreUnavailable) return STORE_UNAVAILABLE
  if (!(error instanceof Unavailable)) return INTERNAL_ERROR
  const { vendorRequestId } = error
  return { ...UNAVAILABLE, ...(vendorRequestId !== undefined && { vendorRequestId }) }
}
