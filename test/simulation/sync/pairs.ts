import assert from 'node:assert/strict'
import type { Lab } from './lab.ts'
import type { Table, Value } from './schema.ts'

/** Within so many cycles both sides are equal when nothing is in the way. */
export const SETTLED_CYCLES = 3

export function someValues(name: string): Record<string, Value> {
  return { email: `${name}@sim.example`, firstName: `F-${name}`, lastName: `L-${name}`, phone: `1-${name}` }
}

/** One record of the type and its person, both known and equal. */
export async function linkedPair(lab: Lab, table: Table, name = 'a1') {
  const row = lab.humans.row(table, someValues(name))
  await lab.cycles(SETTLED_CYCLES)
  const [person] = lab.marketo.find('microsoftRecordId', row.id)
  assert.ok(person)
  return { row, person }
}

export function columnOf(lab: Lab, { table, id }: { table: Table; id: string }, column: string): Value {
  return lab.dynamics.row(table, id).columns[column] ?? null
}

export function verdictsOf(lab: Lab) {
  return lab.oracle.judge(lab.records.newConflicts())
}
