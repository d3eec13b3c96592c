import type { Cause } from './cause.ts'
import { fieldNotFound, MarketoError } from './errors.ts'
import type { Knobs } from './knobs.ts'
import type { Person } from './people.ts'
import type { Field, Schema } from './schema.ts'
import { checkValue, type Value } from './value.ts'

/** A value on its way into a person; undefined empties the field. */
export type Written = readonly [Field, Value | undefined]

/** Throws the refusal of the first field that cannot be written. */
export function checkFields(
  schema: Schema,
  fields: Readonly<Record<string, unknown>>,
  cause: Cause,
  { overlong, beyondBmp }: Knobs,
): Written[] {
  return Object.entries(fields).flatMap(([name, value]): Written[] => {
    const field = schema.field(name)
    if (!field) throw fieldNotFound(name)
    if (field.readOnly || name === 'id') throw new MarketoError('1003', `Field '${name}' is read-only`)
    const checked = checkValue(field, value, overlong, cause.api ? beyondBmp : 'keep')
    return field.isBlocked && cause.api ? [] : [[field, checked]]
  })
}

/** Where a person came from, as recorded for those that an API made. */
export function originOf(schema: Schema, { api, source }: Cause): Written[] {
  if (!api) return []
  return ['originalSourceType', 'registrationSourceType'].flatMap((name): Written[] => {
    const field = schema.field(name)
    return field ? [[field, source]] : []
  })
}

/** What the survivor of a merge takes over: each value that it lacks, from the first loser that has it. */
export function lacking(schema: Schema, survivor: Person, losers: readonly Person[]): Written[] {
  return schema.fields().flatMap((field): Written[] => {
    if (survivor[field.name] !== undefined || field.name === 'mktoName') return []
    const value = losers.map((loser) => loser[field.name]).find((held) => held !== undefined)
    return value === undefined ? [] : [[field, value]]
  })
}

/** A value in the form that a retyped field takes; undefined = there is none. */
export function converted(schema: Schema, name: string, value: Value): Value | undefined {
  const field = schema.field(name)
  for (const form of [value, Number(value), String(value)]) {
    try {
      if (field) return checkValue(field, form, 'truncate')
    } catch {
      // The next form may fit.
    }
  }
  return undefined
}
