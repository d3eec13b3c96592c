import assert from 'node:assert/strict'
import { Ajv } from 'ajv'
import { installSchemas } from '../../src/flow-step/install-schemas.ts'

/**
 * Fails unless the value fits a schema of the install document. Members that no schema names are faults here: they
 * are ours, and misspelt.
 */
export function conforms(name: keyof typeof installSchemas, value: unknown): void {
  const ajv = new Ajv({ strict: false, formats: { int32: true, int64: true, uri: true, 'date-time': true } })
  ajv.addSchema({ $id: 'install', components: { schemas: closed(installSchemas) } })
  const validate = ajv.compile({ $ref: `install#/components/schemas/${name}` })
  assert(validate(value), ajv.errorsText(validate.errors))
}

/** Every object without a word about further members takes none. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const members = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]))
  return 'properties' in members && !('additionalProperties' in members)
    ? { ...members, additionalProperties: false }
    : members
}
