import type { Column, TableDefinition } from '../dataverse/columns.ts'
import type { RecordType } from './person.ts'

/**
 * Columns that tell who a record is and what became of it; those that the table has are read. A null in one of them
 * that is not the record's own would tie people wrongly, or sync somebody whom the sync filter stops.
 */
export const lifeColumns: Readonly<Record<RecordType, readonly string[]>> = {
  lead: ['statecode', 'merged', 'masterid', 'emailaddress1', 'parentcontactid', 'new_synctomkto'],
  contact: ['statecode', 'merged', 'masterid', 'emailaddress1', 'originatingleadid', 'new_synctomkto'],
}

/** Of these, what our user may not read, as `lead.emailaddress1`. */
export function unreadableLife(table: TableDefinition): string[] {
  return lifeColumns[table.table]
    .filter((name) => isHidden(table.columns.get(name)))
    .map((name) => `${table.table}.${name}`)
}

export function isHidden(column: Column | undefined): boolean {
  return column?.secured?.read === false
}

export function securedAdvice(column: string): string {
  return `Put the application user into a column security profile that allows it to read, create and update ${column}, and let its role read column security profiles and field permissions; a column with a masking rule cannot be synced. Or exclude the field.`
}
