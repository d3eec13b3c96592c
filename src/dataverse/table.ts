import { guidLiteral } from './odata.ts'
import type { RecordRef, Table } from './records.ts'

export const entitySets = { lead: 'leads', contact: 'contacts' } as const
export const primaryKeys = { lead: 'leadid', contact: 'contactid' } as const

/** `leads(<guid>)`. Throws Rejected for an id that is no GUID. */
export function rowPath(ref: RecordRef): string {
  return `${entitySets[ref.table]}(${guidLiteral(ref.id)})`
}

/** `$select=` of these columns and the row's id, percent-encoded. */
export function selectOf(table: Table, columns: readonly string[]): string {
  const names = new Set([primaryKeys[table], ...columns])
  return `$select=${[...names].map(encodeURIComponent).join(',')}`
}

/** The same for each table, made once for many rows. */
export function selectsOf(
  selects: Readonly<Record<Table, readonly string[]>>,
): Readonly<Record<Table, string>> {
  return { lead: selectOf('lead', selects.lead), contact: selectOf('contact', selects.contact) }
}
