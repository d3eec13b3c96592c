import type { Schema } from './schema.ts'
import { checkValue, type Value } from './value.ts'

export interface ResponseMapping {
  /** Dots and indexes: `outcome`, `items[0].id`. */
  path: string
  /** SOAP name of a field. */
  field: string
}

/** A mapping that Admin would not save, as a sentence. */
export function mappingProblem(schema: Schema, { path, field }: ResponseMapping): string | undefined {
  if (!/^[\w\-:\s]+(\[\d+\])?(\.[\w\-:\s]+(\[\d+\])?)*$/.test(path))
    return `"${path}" is no response attribute`
  const target = schema.fields().find(({ soapName }) => soapName === field)
  if (!target) return `no field has the SOAP API name ${field}`
  return target.readOnly || target.name === 'id' ? `${field} is read-only` : undefined
}

/** What an answer writes: values of the field's own type only. Adobe, "Response mappings". */
export function mappedValues(
  schema: Schema,
  mappings: readonly ResponseMapping[],
  response: string,
): Record<string, Value> {
  const document = parse(response)
  const values: Record<string, Value> = {}
  for (const { path, field } of mappings) {
    const target = schema.fields().find(({ soapName }) => soapName === field)
    if (!target) continue
    const value = valueAt(document, path)
    try {
      const checked = checkValue(target, value)
      if (checked !== undefined) values[target.name] = checked
    } catch {
      // A value of another type is left unwritten, and nobody is told.
    }
  }
  return values
}

function valueAt(document: unknown, path: string): unknown {
  let value = document
  for (const step of path.split('.').flatMap((part) => part.split(/[[\]]/).filter((piece) => piece !== ''))) {
    if (typeof value !== 'object' || value === null) return undefined
    value = new Map(Object.entries(value)).get(step)
  }
  return value
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
