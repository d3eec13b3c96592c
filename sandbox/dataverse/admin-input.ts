import { isTableName, type TableName } from './table.ts'

/** Members of a control's body. Each throws a sentence when it is something else. */

const SETS: Record<string, TableName> = {
  leads: 'lead',
  contacts: 'contact',
  accounts: 'account',
  systemusers: 'systemuser',
  teams: 'team',
  fieldsecurityprofiles: 'fieldsecurityprofile',
  fieldpermissions: 'fieldpermission',
  attributemaskingrules: 'attributemaskingrule',
}

/** By logical name or by entity set. */
export function tableOf(name: unknown): TableName {
  const known = SETS[String(name)] ?? String(name)
  if (!isTableName(known)) throw new Error(`no such table: ${name}`)
  return known
}

export function parse(body: string): Record<string, unknown> {
  return record(JSON.parse(body))
}

export function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('a JSON object is wanted')
  }
  return Object.fromEntries(Object.entries(value))
}

export function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error('a list is wanted')
  return value
}

export function text(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new Error('a text is wanted')
  return value
}

export function number(value: unknown): number {
  if (typeof value !== 'number') throw new Error('a number is wanted')
  return value
}

export function flag(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new Error('true or false is wanted')
  return value
}

/** Nothing when the member is absent, else the member as `read` makes it. */
export function optional<Name extends string, Value>(
  from: Readonly<Record<string, unknown>>,
  name: Name,
  read: (value: unknown) => Value,
): { [Key in Name]?: Value } {
  const found: { [Key in Name]?: Value } = {}
  if (from[name] !== undefined) found[name] = read(from[name])
  return found
}
