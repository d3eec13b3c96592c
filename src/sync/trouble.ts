import { Busy, isVendorError, Rejected, StoreUnavailable, Unauthorized, Unavailable } from '../errors.ts'

/** The part of a cycle that could not be done, and why. */
export interface Trouble {
  code: string
  advice: string
}

export function unreadable(count: number): Trouble | undefined {
  if (count === 0) return undefined
  const advice = `${count} items since the start could not be read; the log names them. They are read again when they change.`
  return { code: 'items-unreadable', advice }
}

const STORE_UNAVAILABLE: Trouble = {
  code: 'store-unavailable',
  advice:
    'The database of this service cannot be used; /readyz says why. Nothing is lost: the sync continues when the database can be used again.',
}
const INTERNAL_ERROR: Trouble = {
  code: 'internal-error',
  advice: 'A fault of this service: report it with the log line sync-cycle-failed.',
}

export function troubleOf(error: unknown): Trouble {
  if (error instanceof StoreUnavailable) return STORE_UNAVAILABLE
  if (!isVendorError(error)) return INTERNAL_ERROR

  if (error instanceof Unauthorized || error instanceof Rejected) {
    const { code, advice } = error.detail
    return { code, advice }
  }
  if (error instanceof Busy) {
    return {
      code: 'vendor-busy',
      advice: 'Nothing to do: Dynamics or Marketo asked the service to wait. The sync continues after that.',
    }
  }
  const vendorCode = error instanceof Unavailable ? error.vendorCode : undefined
  return { code: 'vendor-unavailable', advice: adviceOn(vendorCode) }
}

function adviceOn(vendorCode: string | undefined): string {
  return vendorCode === undefined
    ? 'One side did not answer; the sync continues automatically. If this persists, check the status of Marketo and Dynamics, and the network in between.'
    : `Marketo answers with its code ${vendorCode}, and the sync retries automatically. If this persists, look up the code with your Marketo administrator.`
}
