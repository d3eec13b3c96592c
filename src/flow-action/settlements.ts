import type { CreateResult, RecordRef } from '../dataverse/records.ts'
import type { Settlement, Warning } from '../store/port.ts'

/** How a request may end. */

export function linked(
  ref: RecordRef,
  provenAt: number,
  vendorRequestId?: string,
): Settlement & { kind: 'linked' } {
  return {
    kind: 'linked',
    recordType: ref.table,
    recordId: ref.id,
    provenAt,
    ...(vendorRequestId !== undefined && { vendorRequestId }),
  }
}

export function withWarnings(
  settlement: Settlement & { kind: 'linked' },
  warnings: readonly Warning[],
): Settlement {
  return warnings.length === 0 ? settlement : { ...settlement, warnings }
}

export function ambiguous(count: number, vendorRequestId?: string): Settlement {
  return {
    kind: 'ambiguous',
    code: 'ambiguous-match',
    ...(vendorRequestId !== undefined && { vendorRequestId }),
    advice: `${count} records in Dynamics match this person. Merge them there, or give them different e-mail addresses.`,
  }
}

export function duplicateDetected(result: CreateResult & { kind: 'duplicate' }): Settlement {
  const { vendorCode, vendorRequestId } = result
  return {
    kind: 'failed',
    code: 'duplicate-detected',
    advice:
      'A duplicate-detection rule or a key in Dynamics found another record for this person. Merge or correct it there.',
    vendorCode,
    ...(vendorRequestId !== undefined && { vendorRequestId }),
  }
}

/** What is said of a record that is there, but whose values are another person's. */
export function sharedWith(marketoId: number, isThere: boolean): { code: string; advice: string } {
  const doubt = isThere ? '' : ' Whether that person still exists could not be checked.'
  return {
    code: 'person-shared',
    advice: `The record belongs to person ${marketoId} in Marketo, and only the values of that person are synced.${doubt} Merge the two people there, or delete one of them.`,
  }
}
