import { flag, list, number, optional, record, text } from './admin-input.ts'
import { COLUMN_TYPES, type Column, type Option } from './table.ts'

const REQUIRED = ['None', 'Recommended', 'ApplicationRequired', 'SystemRequired'] as const
const BEHAVIORS = ['UserLocal', 'DateOnly', 'TimeZoneIndependent'] as const

/** A change of a column as it comes over HTTP; throws a sentence for what cannot be one. */
export function toColumn(change: Readonly<Record<string, unknown>>): Partial<Column> & { remove?: boolean } {
  return {
    ...optional(change, 'remove', flag),
    ...optional(change, 'type', oneOf(COLUMN_TYPES)),
    ...optional(change, 'required', oneOf(REQUIRED)),
    ...optional(change, 'behavior', oneOf(BEHAVIORS)),
    ...optional(change, 'schemaName', text),
    ...optional(change, 'format', text),
    ...optional(change, 'create', flag),
    ...optional(change, 'update', flag),
    ...optional(change, 'secured', flag),
    ...optional(change, 'maxLength', number),
    ...optional(change, 'minValue', number),
    ...optional(change, 'maxValue', number),
    ...optional(change, 'precision', number),
    ...optional(change, 'options', (options) => list(options).map(toOption)),
  }
}

function toOption(value: unknown): Option {
  const option = record(value)
  return { value: number(option.value), label: text(option.label), ...optional(option, 'state', number) }
}

function oneOf<Name extends string>(names: readonly Name[]): (value: unknown) => Name {
  return (value) => {
    const known = names.find((name) => name === value)
    if (known === undefined) throw new Error(`one of ${names.join(', ')} is wanted`)
    return known
  }
}
