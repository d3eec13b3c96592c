import { Rejected } from '../errors.ts'
import type { RecordRef, Table } from './records.ts'

/**
 * A string as an OData literal inside a URL: quotes doubled, then percent-encoded.
 * A lone surrogate becomes U+FFFD, which is what UTF-8 would make of it anyway.
 * Source: Microsoft Learn, "Filter rows using OData".
 */
export function stringLiteral(text: string): string {
  return `'${encodeURIComponent(text.toWellFormed().replaceAll("'", "''"))}'`
}

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export function isGuid(text: string): boolean {
  return guid.test(text)
}

/** A GUID without the braces that Dynamics' own tools write around it; any other text as it is. */
export function bareGuid(text: string): string {
  const inner = /^\{(.*)\}$/.exec(text)?.[1]
  return inner !== undefined && isGuid(inner) ? inner : text
}

/** A GUID as Dataverse wants it in URLs: bare and in lower case. Throws Rejected for anything else. */
export function guidLiteral(id: string): string {
  if (isGuid(id)) return id.toLowerCase()
  throw new Rejected('not a record id', {
    code: 'record-id-invalid',
    advice: 'Send a record id as a GUID, such as 6d81597f-0f9f-e711-8122-000d3aa2331c.',
  })
}

/** Terms joined with `or`, ready for `$filter=`. */
export function anyOf(terms: readonly { column: string; literal: string }[]): string {
  return terms.map((term) => `${term.column}%20eq%20${term.literal}`).join('%20or%20')
}

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
