import { DataverseError, doesNotExist, payloadError, undeclaredNavigation, uriError } from './errors.ts'
import { findRow } from './find.ts'
import type { Organisation } from './organisation.ts'
import { parseKey, parsePath } from './path.ts'
import { type Column, isLookup, type Table, type Target, tableOfSet, type Value } from './table.ts'
import { checkValue } from './validate.ts'

export interface Payload {
  values: Map<string, Value>
  targets: Map<string, string>
}

type References = ReadonlyMap<string, string>

/** Reads a body. Columns that may not be written are dropped without a word, as the vendor does. */
export function readPayload(
  organisation: Organisation,
  table: Table,
  body: Readonly<Record<string, unknown>>,
  mode: 'create' | 'update',
  references: References = new Map(),
): Payload {
  const payload: Payload = { values: new Map(), targets: new Map() }
  for (const [name, value] of Object.entries(body)) {
    if (name.endsWith('@odata.bind')) {
      bind(organisation, table, name.slice(0, -'@odata.bind'.length), value, mode, references, payload)
    } else if (!name.includes('@')) {
      const column = declaredColumn(table, name)
      if (column[mode]) payload.values.set(column.name, checkValue(table, column, value))
    }
  }
  return payload
}

function declaredColumn(table: Table, name: string): Column {
  const column = table.columns.get(name)
  if (column && !isLookup(column)) return column
  const lookup = table.columns.get(/^_(.+)_value$/.exec(name)?.[1] ?? '')
  if (lookup && isLookup(lookup)) {
    throw payloadError(
      table.entitySet,
      'CRM do not support direct update of Entity Reference properties, Use Navigation properties instead.',
    )
  }
  throw payloadError(
    table.entitySet,
    `The property '${name}' does not exist on type 'Microsoft.Dynamics.CRM.${table.name}'. Make sure to only use property names that are defined by the type.`,
  )
}

function bind(
  organisation: Organisation,
  table: Table,
  navigation: string,
  value: unknown,
  mode: 'create' | 'update',
  references: References,
  payload: Payload,
): void {
  const column = [...table.columns.values()].find((candidate) =>
    candidate.targets?.some((target) => target.navigation === navigation),
  )
  if (!column) throw undeclaredNavigation(table.entitySet, navigation)
  if (value === null) {
    if (column[mode]) payload.values.set(column.name, null)
    return
  }
  if (typeof value !== 'string') throw undeclaredNavigation(table.entitySet, navigation)
  const targets = (column.targets ?? []).filter((target) => target.navigation === navigation)
  const { target, id } = resolveBind(organisation, value, targets, references)
  if (!column[mode]) return
  if (column.type === 'Owner') checkOwner(organisation, id)
  payload.values.set(column.name, id)
  payload.targets.set(column.name, target.table)
}

function resolveBind(
  organisation: Organisation,
  reference: string,
  targets: readonly Target[],
  references: References,
): { target: Target; id: string } {
  const url = references.get(reference) ?? reference
  const path = url.replace(/^https?:\/\/[^/]+/, '').replace(/^\/?(api\/data\/v9\.[0-2]\/)?/, '')
  const [segment, more] = parsePath(path)
  const target = targets.find((candidate) => candidate.entitySet === segment?.name)
  if (!segment?.args || more || !target) {
    throw uriError(
      'URL was not parsed due to an ODataUnrecognizedPathException. Resource not found for the segment provided in the URL.',
    )
  }
  const table = tableOfSet(organisation.tables, target.entitySet)
  const key = parseKey(segment.args, table?.primaryId ?? `${target.table}id`)
  if (!table) {
    const isCurrency = key.kind === 'id' && key.id === organisation.ids.currency
    if (isCurrency) return { target, id: key.id }
    throw doesNotExist(target.table, segment.args)
  }
  return { target, id: findRow(organisation, table, key).id }
}

function checkOwner(organisation: Organisation, id: string): void {
  if (organisation.rows.get('systemuser', id)?.values.get('isdisabled') !== true) return
  throw new DataverseError(
    400,
    '0x80040225',
    `The specified user(Id = ${id}) is disabled. Consider enabling this user.`,
  )
}
