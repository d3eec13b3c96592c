import { normalOfColumn, normalOfMarketo } from './normal.ts'
import { isLookup } from './pair.ts'
import type { FieldValue, RecordType, Values } from './person.ts'
import type { SyncSchema } from './sync-schema.ts'

/** What both sides hold, in the normal form in which they are compared (see normal.ts). */

type Row = Readonly<Record<string, unknown>>

/** Names come from the field selection and may be those of inherited members. */
export function valueIn<T>(values: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined
}

/** From a person as Marketo's bulk read gives it. A field that was not read stays unknown. */
export function marketoValues(
  raw: Readonly<Record<string, FieldValue>>,
  recordType: RecordType,
  schema: SyncSchema,
): Values {
  const values: Record<string, FieldValue> = {}
  for (const field of schema.fields[recordType]) {
    const given = valueIn(raw, field.marketo)
    if (given !== undefined) values[field.marketo] = normalOfMarketo(given, field)
  }
  return values
}

/** From a text of Marketo's change log; null = empty. undefined: the field is none that travels, or would. */
export function changedValue(
  text: string | null,
  field: string,
  recordType: RecordType,
  schema: SyncSchema,
): FieldValue | undefined {
  const all = [...schema.fields[recordType], ...schema.aside[recordType]]
  const known = all.find(({ marketo }) => marketo === field)
  return known && normalOfMarketo(text, known)
}

/** From a row as Dataverse returns it, with what the system fields say of a row that exists. */
export function dynamicsValues(
  row: Row,
  { recordType, recordId }: { recordType: RecordType; recordId: string },
  schema: SyncSchema,
): Values {
  const system: Values = {
    microsoftRecordId: recordId,
    microsoftType: recordType === 'lead' ? 'Lead' : 'Contact',
    microsoftIsDeleted: false,
  }
  const values: Record<string, FieldValue> = {}
  for (const field of schema.fields[recordType]) {
    const { marketo, column } = field
    const value =
      column === undefined
        ? valueIn(system, marketo)
        : normalOfColumn(valueIn(row, keyOf(column)), { ...field, column })
    if (value !== undefined) values[marketo] = value
  }
  return values
}

function keyOf(column: Parameters<typeof isLookup>[0]): string {
  const { logicalName, type } = column
  return isLookup(column) || type === 'Owner' ? `_${logicalName}_value` : logicalName
}

/** What a row tells about itself apart from values. Ids are bare lower-case GUIDs. */
export interface RecordLife {
  /** 0 = open / active; a lead is 1 qualified, 2 disqualified. */
  stateCode: number
  /** The row lost a merge, and `masterId` is the row that survived. */
  merged: boolean
  masterId?: string
  /** Lead only: the contact it was qualified into or belongs to. */
  parentContactId?: string
  /** Contact only: the lead it was qualified from. */
  originatingLeadId?: string
  /** The sync filter says no; absent, empty and yes do not. Source: Adobe, "Create a Custom Dynamics Sync Filter". */
  stopped: boolean
}

export function recordLife(row: Row, recordType: RecordType): RecordLife {
  const masterId = idIn(row._masterid_value)
  const parentContactId = recordType === 'lead' ? idIn(row._parentcontactid_value) : undefined
  const originatingLeadId = recordType === 'contact' ? idIn(row._originatingleadid_value) : undefined
  return {
    stateCode: typeof row.statecode === 'number' ? row.statecode : 0,
    merged: row.merged === true,
    ...(masterId !== undefined && { masterId }),
    ...(parentContactId !== undefined && { parentContactId }),
    ...(originatingLeadId !== undefined && { originatingLeadId }),
    stopped: row.new_synctomkto === false,
  }
}

/** The id of the intent that wrote the row last; undefined without a stamp column, and when it is empty. */
export function stampOf(row: Row, recordType: RecordType, { stamps }: SyncSchema): string | undefined {
  const column = stamps[recordType]
  const stamp = column === undefined ? undefined : row[column]
  return typeof stamp === 'string' && stamp !== '' ? stamp.trim() : undefined
}

function idIn(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.toLowerCase() : undefined
}
