import { duplicateFound } from './errors.ts'
import type { Organisation } from './organisation.ts'
import { parsePath } from './path.ts'
import type { Request } from './request.ts'
import { tableOfSet } from './table.ts'

/**
 * Stock duplicate-detection rules: same emailaddress1, lead to lead and contact to contact.
 * A look before the insert with no index behind it, so two creates at once both pass.
 * Runs only when the caller switches detection on (MSCRM.SuppressDuplicateDetection: false).
 */
export function checkDuplicates(organisation: Organisation, request: Request): boolean {
  const asked = request.headers.get('mscrm.suppressduplicatedetection')?.toLowerCase() === 'false'
  if (!organisation.duplicateRules.on || !asked || request.method !== 'POST') return false
  const [segment, more] = parsePath(request.path)
  const table = segment && !segment.args && !more ? tableOfSet(organisation.tables, segment.name) : undefined
  if (table?.name !== 'lead' && table?.name !== 'contact') return false
  const email = emailOf(request.body)
  if (email !== undefined && organisation.rows.idsBy(table.name, 'emailaddress1', email).size > 0) {
    throw duplicateFound()
  }
  return true
}

function emailOf(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body)
    const email =
      typeof parsed === 'object' && parsed !== null && 'emailaddress1' in parsed
        ? parsed.emailaddress1
        : undefined
    return typeof email === 'string' ? email : undefined
  } catch {
    return undefined
  }
}
