import type { CallContext } from '../abort.ts'
import type { Table } from './records.ts'

export type ColumnType =
  | 'String'
  | 'Memo'
  | 'Integer'
  | 'BigInt'
  | 'Decimal'
  | 'Double'
  | 'Money'
  | 'Boolean'
  | 'Picklist'
  | 'MultiSelectPicklist'
  | 'State'
  | 'Status'
  | 'DateTime'
  | 'Lookup'
  | 'Customer'
  | 'Owner'
  | 'Uniqueidentifier'
  /** Anything else that Dataverse has (Image, File, …): shown, never written. */
  | 'Other'

/** What our user is proven to be allowed on a secured column; nothing of it without `read`. */
export interface ColumnAccess {
  read: boolean
  create: boolean
  update: boolean
}

/** One column of the live table. Source: EntityDefinitions(...)/Attributes and its casts. */
export interface Column {
  logicalName: string
  type: ColumnType
  requiredLevel: 'None' | 'Recommended' | 'ApplicationRequired' | 'SystemRequired'
  validForCreate: boolean
  validForUpdate: boolean
  /** Column security is on. Absent: whoever may read the row reads the column. */
  secured?: ColumnAccess
  /** Characters; String and Memo. */
  maxLength?: number
  /** String: Text, Email, Phone, Url, …; DateTime: DateOnly or DateAndTime. */
  format?: string
  /** DateTime: UserLocal, DateOnly or TimeZoneIndependent. Only DateOnly is an Edm.Date on the wire. */
  behavior?: string
  /** Picklist: Dynamics fills an absent value itself (DefaultFormValue). Absent = not known. */
  hasDefault?: boolean
  /** Integer, Decimal, Double, Money. */
  min?: number
  max?: number
  /** Picklist, MultiSelectPicklist, State, Status; Boolean has its two labels here as 0 and 1. */
  options?: readonly { value: number; label: string; state?: number }[]
  /** Look-ups: target tables with the navigation property and entity set to bind with. */
  targets?: readonly { table: string; navigationProperty: string; entitySet: string }[]
}

export interface TableDefinition {
  table: Table
  columns: ReadonlyMap<string, Column>
  /** Whether changes of the table can be asked for; absent = not known. */
  changeTracking?: boolean
}

/** Why a definition may no longer be how the table is. */
export interface Doubt {
  /** `refusal`: Dataverse refused what the definition allows. `check`: the definition forbids what a person has. */
  because: 'refusal' | 'check'
  /** One of the stable failure codes. */
  code: string
  field?: string
  vendorCode?: string
  vendorRequestId?: string
}

export interface Metadata {
  /**
   * From cache when fresh, from a stale cache when Dataverse cannot be asked, else throws.
   * With `fresh` Dataverse is asked in any case, and what goes wrong is thrown.
   */
  table(table: Table, call: CallContext, options?: { fresh?: boolean }): Promise<TableDefinition>
  /**
   * Another definition than the one that was `used`: decide again with it. undefined: the table is as `used` says, or
   * was looked at too lately to be looked at again, so what was decided stands. Callers share one request, and a
   * table is asked for at most every `metadataRefusalMs` or `metadataCheckMs`. Throws Busy or Unavailable when
   * Dataverse cannot be asked: nothing can be said about the person now.
   */
  reread(used: TableDefinition, doubt: Doubt, call: CallContext): Promise<TableDefinition | undefined>
  /**
   * Whether column security is still as these definitions say. Rows that were read before this is asked hold values
   * and not the nulls of a column that was secured meanwhile. Throws the vendor's errors.
   */
  isSecuredAs(definitions: readonly TableDefinition[], call: CallContext): Promise<boolean>
}
