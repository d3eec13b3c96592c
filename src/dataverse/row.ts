import { asNumber, asString, type JsonObject } from '../shape.ts'
import { isGuid } from './odata.ts'
import type { FoundRecord, Table } from './records.ts'

/** A row of the Web API as the look-up sees it; undefined when it is not such a row. */
export function foundRecord(row: JsonObject | undefined, table: Table): FoundRecord | undefined {
  if (row === undefined) return undefined
  const id = guidIn(row[`${table}id`])
  const stateCode = asNumber(row.statecode)
  if (id === undefined || stateCode === undefined) return undefined
  const masterId = guidIn(row._masterid_value)
  const originatingLeadId = guidIn(row._originatingleadid_value)
  const parentContactId = guidIn(row._parentcontactid_value)
  return {
    table,
    id,
    stateCode,
    merged: row.merged === true,
    ...(masterId === undefined ? {} : { masterId }),
    ...(originatingLeadId === undefined ? {} : { originatingLeadId }),
    ...(parentContactId === undefined ? {} : { parentContactId }),
  }
}

function guidIn(value: unknown): string | undefined {
  const text = asString(value)
  return text !== undefined && isGuid(text) ? text.toLowerCase() : undefined
}
