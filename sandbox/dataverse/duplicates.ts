import { DataverseError, duplicateFound } from './errors.ts'
import { lookForRow } from './find.ts'
import type { Organisation } from './organisation.ts'
import { parseKey, parsePath } from './path.ts'
import type { Request } from './request.ts'
import { type Table, tableOfSet } from './table.ts'

/**
 * The duplicate-detection rules that a stock organisation has published: the same emailaddress1, lead to lead and
 * contact to contact, on creates and updates alike. A look before the write with no index behind it, so two creates
 * at once both pass. Runs only when the caller switches detection on (MSCRM.SuppressDuplicateDetection: false).
 */
export function checkDuplicates(organisation: Organisation, request: Request): boolean {
  const asked = request.headers.get('mscrm.suppressduplicatedetection')?.toLowerCase() === 'false'
  if (!organisation.duplicateRules.on || !asked) return false
  const [segment, more] = parsePath(request.path)
  const table = segment && !more ? tableOfSet(organisation.tables, segment.name) : undefined
  if (table?.name !== 'lead' && table?.name !== 'contact') return false
  const isWrite = request.method === (segment?.args === undefined ? 'POST' : 'PATCH')
  if (!isWrite) return false
  const row = segment?.args === undefined ? undefined : rowOf(organisation, table, segment.args)
  const email = emailOf(request.body) ?? row?.values.get('emailaddress1')
  if (typeof email !== 'string' || email === '') return true
  const alike = organisation.rows.idsBy(table.name, 'emailaddress1', email)
  if ([...alike].some((id) => id !== row?.id)) throw duplicateFound()
  return true
}

/** What is wrong with the key is for the operation itself to say. */
function rowOf(organisation: Organisation, table: Table, args: string) {
  try {
    return lookForRow(organisation, table, parseKey(args, table.primaryId))
  } catch (error) {
    if (error instanceof DataverseError) return undefined
    throw error
  }
}

/** undefined: the body says nothing of it. */
function emailOf(body: string): unknown {
  try {
    const parsed: unknown = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null && 'emailaddress1' in parsed
      ? (parsed.emailaddress1 ?? '')
      : undefined
  } catch {
    return undefined
  }
}
