import type { FieldValue, Values } from '../../src/person/person.ts'
import type { Plan, PlannedField } from '../../src/sync/decide/plan.ts'
import { column } from '../person/stock-tables.ts'

const inDynamics = column('c', 'String')

export function planned(marketo: string, facts: Partial<PlannedField> = {}): PlannedField {
  return { marketo, direction: 'both', inverted: false, column: inDynamics, ...facts }
}

/** A field that the service fills by itself. */
export const system: PlannedField = { marketo: 'm', direction: 'to-marketo', inverted: false }

/** Values with one member, or none. */
export function only(value: FieldValue | undefined): Values {
  return value === undefined ? {} : { m: value }
}

/** Both sides after all writes of a plan. */
export function written(made: Plan, marketo: Values, dynamics: Values) {
  return { marketo: { ...marketo, ...made.toMarketo }, dynamics: { ...dynamics, ...made.toDynamics } }
}
