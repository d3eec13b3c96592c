import type { DataType, Field, Schema } from '../schema.ts'
import type { FieldDefinition, FieldType, ServiceDefinition } from './definition.ts'

/** Names of the service to REST names of Marketo's fields. */
export interface FieldMapping {
  outgoing: Readonly<Record<string, string>>
  incoming: Readonly<Record<string, string>>
}

/** What an admin changes of the mapping that Marketo proposes; null takes a proposal away. */
export interface MappingChanges {
  outgoing?: Readonly<Record<string, string | null>>
  incoming?: Readonly<Record<string, string | null>>
}

export interface MappingFindings {
  mapping: FieldMapping
  /** Suggestions that match no field of that name and type. */
  unmatched: readonly string[]
  violations: readonly string[]
}

/** Which of Marketo's types a service's type stands for, beside the one of its own name. */
const ALSO: Readonly<Partial<Record<FieldType, readonly DataType[]>>> = {
  string: ['phone'],
  integer: ['percent', 'reference'],
  float: ['currency'],
}

/** Where the suggestion is a field of the same name and type it is the default; the rest is the admin's. */
export function mapFields(
  schema: Schema,
  definition: ServiceDefinition,
  changes: MappingChanges = {},
): MappingFindings {
  const outgoing = side(schema, definition.outgoing, definition.isOutgoingFree, changes.outgoing)
  const incoming = side(schema, definition.incoming, definition.isIncomingFree, changes.incoming)
  const unmapped = definition.isOutgoingFree
    ? []
    : definition.outgoing.filter(
        ({ required, serviceAttribute }) => required && !outgoing.names[serviceAttribute],
      )
  return {
    mapping: { outgoing: outgoing.names, incoming: incoming.names },
    unmatched: [...outgoing.unmatched, ...incoming.unmatched],
    violations: [
      ...unmapped.map(({ serviceAttribute }) => `${serviceAttribute} is required and mapped to no field`),
      ...outgoing.problems,
      ...incoming.problems,
      ...Object.values(incoming.names)
        .filter((name) => schema.field(name)?.readOnly || name === 'id')
        .map((name) => `the field ${name} is read-only: nothing can come in there`),
    ],
  }
}

function side(
  schema: Schema,
  fields: readonly FieldDefinition[],
  isFree: boolean,
  changes: Readonly<Record<string, string | null>> = {},
) {
  const names: Record<string, string> = {}
  const unmatched: string[] = []
  for (const { serviceAttribute, suggestedMarketoAttribute: suggested, dataType } of isFree ? [] : fields) {
    const field = suggested === undefined ? undefined : schema.field(suggested)
    if (field && isOfType(field, dataType)) names[serviceAttribute] = field.name
    else if (suggested !== undefined) unmatched.push(suggested)
  }
  const problems: string[] = []
  for (const [name, target] of Object.entries(changes)) {
    if (target === null) delete names[name]
    else names[name] = target
    if (!isFree && !fields.some(({ serviceAttribute }) => serviceAttribute === name)) {
      problems.push(`the service declares no field ${name}`)
    }
    if (target !== null && !schema.field(target)) problems.push(`there is no field ${target}`)
    if (isFree && target !== null && target !== name) {
      problems.push(`${name} must be called ${target}: where the admin maps freely, Marketo's names are used`)
    }
  }
  return { names, unmatched, problems }
}

function isOfType(field: Field, dataType: FieldType): boolean {
  return field.dataType === dataType || (ALSO[dataType] ?? []).includes(field.dataType)
}
