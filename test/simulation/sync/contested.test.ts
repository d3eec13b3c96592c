import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RowRef } from './humans.ts'
import { Lab } from './lab.ts'
import { columnOf, linkedPair, SETTLED_CYCLES } from './pairs.ts'
import type { Table } from './schema.ts'

/** Two writers outside that take turns with one field. */

const HOUR_MS = 3_600_000
const TABLES: readonly Table[] = ['lead', 'contact']

interface Fight {
  lab: Lab
  row: RowRef
  person: { id: number; fields: Record<string, unknown> }
  stopped: { marketo: boolean; dynamics: boolean }
}

/** After each cycle the one in Marketo wants A1, and then the one in Dynamics B1. */
async function cycles({ lab, row, person, stopped }: Fight, count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) {
    await lab.cycles(1)
    if (!stopped.marketo) lab.humans.editPerson(person.id, 'title', 'A1')
    if (stopped.marketo || columnOf(lab, row, 'jobtitle') === 'A1') {
      if (!stopped.dynamics) lab.humans.editRow(row, 'title', 'B1')
    }
  }
}

async function fighting(table: Table, seed: number): Promise<Fight> {
  const lab = new Lab({ seed })
  const { row, person } = await linkedPair(lab, table)
  return { lab, row, person, stopped: { marketo: false, dynamics: false } }
}

for (const table of TABLES) {
  test(`S18 two writers that take turns with a field of a ${table} are parked after three alternations`, async () => {
    const fight = await fighting(table, 18)
    using lab = fight.lab
    const { writes } = lab
    await cycles(fight, 60)
    assert.ok(lab.writes - writes <= 5, `${lab.writes - writes} writes`)
    assert.deepEqual(lab.records.failureCodes(), { 'field-contested': 1 })
    const { live, initial } = await lab.store.backlog()
    assert.deepEqual([live, initial], [0, 0])
    assert.deepEqual(lab.records.differences(), [])
  })

  test(`two writers that never stop cost a ${table} a few writes a day`, async () => {
    const fight = await fighting(table, 19)
    using lab = fight.lab
    const { writes } = lab
    for (let day = 0; day < 3; day += 1) {
      await cycles(fight, 30)
      await lab.wait(24 * HOUR_MS)
    }
    assert.ok(lab.writes - writes <= 3 * 5, `${lab.writes - writes} writes in three days`)
    assert.ok(lab.writes - writes > 5, 'it was tried again')
  })

  test(`other fields of a contested ${table} travel, and so does a third value`, async () => {
    const fight = await fighting(table, 20)
    using lab = fight.lab
    const { row, person, stopped } = fight
    await cycles(fight, 20)
    lab.humans.editPerson(person.id, 'phone', 'm1')
    lab.humans.editRow(row, 'notes', 'd1')
    await lab.cycles(SETTLED_CYCLES)
    assert.deepEqual([columnOf(lab, row, 'telephone1'), person.fields.notes], ['m1', 'd1'])
    stopped.marketo = true
    stopped.dynamics = true
    lab.humans.editPerson(person.id, 'title', 'C1')
    await lab.cycles(SETTLED_CYCLES)
    assert.deepEqual([columnOf(lab, row, 'jobtitle'), lab.records.failureCodes()], ['C1', {}])
  })

  test(`a contested field of a ${table} travels again after a day, and its failure is over`, async () => {
    const fight = await fighting(table, 21)
    using lab = fight.lab
    const { row, person, stopped } = fight
    await cycles(fight, 20)
    stopped.marketo = true
    stopped.dynamics = true
    await lab.cycles(SETTLED_CYCLES)
    assert.deepEqual(lab.records.failureCodes(), { 'field-contested': 1 })
    await lab.wait(30 * HOUR_MS)
    await lab.cycles(SETTLED_CYCLES)
    assert.deepEqual(lab.records.failureCodes(), {})
    assert.equal(columnOf(lab, row, 'jobtitle'), person.fields.title)
  })
}
