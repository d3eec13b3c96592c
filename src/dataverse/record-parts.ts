import type { BatchPart } from './batch.ts'
import { anyOf, guidLiteral, stringLiteral } from './odata.ts'
import type { Columns, RecordRef, Table } from './records.ts'
import { entitySets, primaryKeys, rowPath, selectOf } from './table.ts'

/** One request for one row or for the rows of one table: sent alone, or as a part of a batch. */
export interface RecordPart extends BatchPart {
  method: 'GET' | 'POST'
}

export interface Lookup {
  table: Table
  part: RecordPart
  /** A page with so many rows may have left some out. */
  rowsMax: number
}

/** The queries of one look-up, one for each table that it is about. */
export function lookupsOf(
  query: { email?: string; refs: readonly RecordRef[] },
  rowsMax: number,
  contactHasOrigin: boolean,
): Lookup[] {
  const tables: readonly Table[] = ['lead', 'contact']
  return tables.flatMap((table) => {
    const ids = query.refs.filter((ref) => ref.table === table).map((ref) => guidLiteral(ref.id))
    const byEmail = (query.email === undefined ? [] : spellingsOf(query.email)).map((spelling) => {
      return { column: 'emailaddress1', literal: stringLiteral(spelling) }
    })
    const terms = [...byEmail, ...ids.map((literal) => ({ column: primaryKeys[table], literal }))]
    if (terms.length === 0) return []
    const top = rowsMax + ids.length
    const path = `${entitySets[table]}?${select(table, contactHasOrigin)}&$filter=${anyOf(terms)}&$top=${top}`
    return [{ table, part: { method: 'GET', path }, rowsMax: top }]
  })
}

/** What is copied along with an address: no-break space, zero-width space, byte order mark, left-to-right mark. */
const STRAYS = ['\u00a0', '\u200b', '\ufeff', '\u200e']

/**
 * `eq` takes no notice of case and of blanks at the end, but a row whose e-mail was pasted with something that cannot
 * be seen is the same person. Which character stands where cannot be asked for in general: what copying leaves at
 * one end can.
 */
function spellingsOf(email: string): string[] {
  const around = STRAYS.flatMap((stray) => [`${stray}${email}`, `${email}${stray}`])
  return [email, ` ${email}`, ...around, `\u202a${email}\u202c`]
}

export function readPart(ref: RecordRef, contactHasOrigin: boolean): RecordPart {
  const path = `${rowPath(ref)}?${select(ref.table, contactHasOrigin)}`
  return { method: 'GET', path, headers: { 'if-none-match': 'null' } }
}

/**
 * The row carries our id. The organisation's published duplicate rules apply only when asked for.
 * Source: Microsoft Learn, "Create a table row using the Web API", "Manage duplicate detection".
 */
export function createPart(ref: RecordRef, columns: Columns, duplicateDetection: boolean): RecordPart {
  return {
    method: 'POST',
    path: entitySets[ref.table],
    headers: duplicateDetection ? { 'mscrm.suppressduplicatedetection': 'false' } : {},
    body: JSON.stringify({ ...columns, [primaryKeys[ref.table]]: guidLiteral(ref.id) }),
  }
}

function select(table: Table, contactHasOrigin: boolean): string {
  const shared = ['statecode', 'merged', '_masterid_value']
  if (table === 'lead') return selectOf(table, [...shared, '_parentcontactid_value'])
  return selectOf(table, contactHasOrigin ? [...shared, '_originatingleadid_value'] : shared)
}
