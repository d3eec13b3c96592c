import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RowRef } from './humans.ts'
import { Lab } from './lab.ts'
import { columnOf, linkedPair, SETTLED_CYCLES, verdictsOf } from './pairs.ts'
import { HARD_SYNC_WORLD } from './play.ts'
import type { Table } from './schema.ts'
import { securing } from './securing.ts'
import { World } from './world.ts'

const TITLE = 'jobtitle'

/** Both sides' titles are edited while the column is secured, and at the n-th verb of the cycle it is open again. */
async function openedAt(verb: number) {
  using lab = new Lab({ seed: 1 })
  const [one, other, third] = [
    await linkedPair(lab, 'contact', 'a1'),
    await linkedPair(lab, 'contact', 'b1'),
    await linkedPair(lab, 'lead', 'c1'),
  ]
  lab.dynamics.secure(TITLE, true)
  lab.humans.editPerson(one.person.id, 'title', 'm1')
  lab.humans.editRow(other.row, 'title', 'd1')
  lab.humans.editRow(third.row, 'phone', 'd1')
  let verbs = 0
  lab.diesHere = () => {
    verbs += 1
    if (verbs === verb) lab.dynamics.secure(TITLE, false)
    return false
  }
  await lab.cycles(2)
  if (lab.dynamics.secured.has(TITLE)) return undefined
  lab.diesHere = () => false
  // The next page of rows, or the next read of the schema an hour later, shows that it is open.
  lab.humans.editRow(third.row, 'phone', 'd2')
  await lab.cycles(SETTLED_CYCLES)
  const titles = [one, other].map(({ person }) => person.fields.title)
  return { differences: lab.records.differences(), titles }
}

test('what was edited while a column was secured arrives, at whatever moment of a cycle it is opened again', async () => {
  let verb = 1
  for (; ; verb += 3) {
    const found = await openedAt(verb)
    if (found === undefined) break
    assert.deepEqual(found, { differences: [], titles: ['m1', 'd1'] }, `opened at verb ${verb}`)
  }
  assert.ok(verb > 40, `${verb} verbs`)
})

/** The column is secured or opened, and the edit of a row shows it with the next page. */
async function secured(lab: Lab, row: RowRef, isSecured: boolean): Promise<void> {
  lab.dynamics.secure(TITLE, isSecured)
  lab.humans.editRow(row, 'phone', `${isSecured}`)
  await lab.cycles(SETTLED_CYCLES)
}

for (const [table, title] of [
  ['lead', 'm1'],
  ['contact', 'd1'],
] as const) {
  test(`an edit that our write replaced in the person of a ${table} is not lost untold, though the column is secured before the change log shows it`, async () => {
    using lab = new Lab({ seed: 1 })
    const { row, person } = await linkedPair(lab, table)
    lab.humans.editRow(row, 'title', 'd1')
    lab.diesHere = (point) => {
      if (point === 'before syncLeads.update') lab.humans.editPerson(person.id, 'title', 'm1')
      return false
    }
    await lab.cycles(1)
    lab.diesHere = () => false
    assert.equal(person.fields.title, 'd1')
    // The next process knows the schema before it reads anything.
    lab.crash()
    await secured(lab, row, true)
    await secured(lab, row, false)
    assert.deepEqual([person.fields.title, lab.records.differences()], [title, []])
    assert.deepEqual(verdictsOf(lab).unlogged, [])
  })
}

test('the answer to a write shows a column empty that was secured just then: nobody is wiped, though it is open again when that is looked at', async () => {
  using lab = new Lab({ seed: 1 })
  const { row, person } = await linkedPair(lab, 'contact')
  lab.humans.editRow(row, 'title', 'd1')
  await lab.cycles(SETTLED_CYCLES)
  assert.equal(person.fields.title, 'd1')
  let isWritten = false
  lab.diesHere = (point) => {
    if (point === 'before rows.update') lab.dynamics.secure(TITLE, true)
    if (point === 'after rows.update') isWritten = true
    // The answer is stored; the process ends before it looks at the schema again.
    return isWritten && point === 'before store.readState'
  }
  lab.humans.editPerson(person.id, 'phone', 'm1')
  await lab.cycle()
  assert.ok(isWritten && lab.dynamics.secured.has(TITLE))
  lab.diesHere = () => false
  lab.dynamics.secure(TITLE, false)
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual([person.fields.title, columnOf(lab, row, TITLE)], ['d1', 'd1'])
})

/** A plug-in writes titles in capitals; at the n-th verb after an edit of one the column is secured for a while, and the process ends. */
async function securedAt(verb: number, table: Table) {
  using lab = new Lab({ seed: 1, stamped: true })
  lab.dynamics.alters = (column, value) =>
    column === TITLE && typeof value === 'string' ? value.toUpperCase() : value
  const { row, person } = await linkedPair(lab, table)
  let verbs = 0
  lab.diesHere = () => {
    verbs += 1
    if (verbs === verb) lab.dynamics.secure(TITLE, true)
    return verbs === verb
  }
  lab.humans.editPerson(person.id, 'title', 'Chief')
  await lab.cycles(2)
  if (!lab.dynamics.secured.has(TITLE)) return undefined
  lab.diesHere = () => false
  await lab.cycles(SETTLED_CYCLES)
  await secured(lab, row, false)
  return [person.fields.title, columnOf(lab, row, TITLE), lab.records.failureCodes()]
}

for (const table of ['lead', 'contact'] as const) {
  test(`S17 what a plug-in made of our write to a ${table} is no edit, at whatever moment the column was secured`, async () => {
    let verb = 1
    for (; ; verb += 1) {
      const found = await securedAt(verb, table)
      if (found === undefined) break
      assert.deepEqual(found, ['Chief', 'CHIEF', { 'altered-by-dynamics': 1 }], `secured at verb ${verb}`)
    }
    assert.ok(verb > 40, `${verb} verbs`)
  })
}

test('a record that comes back from the recycle bin gets what Marketo was given while a column was secured', async () => {
  using lab = new Lab({ seed: 1 })
  const other = await linkedPair(lab, 'lead', 'a1')
  const { row, person } = await linkedPair(lab, 'lead', 'b1')
  lab.humans.removeRow(row)
  await secured(lab, other.row, true)
  lab.humans.editPerson(person.id, 'title', 'm1')
  await lab.cycles(SETTLED_CYCLES)
  await secured(lab, other.row, false)
  lab.humans.restoreRow(row.id)
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual([person.fields.title, lab.records.differences()], ['m1', []])
})

const SEEDS = [2, 6, 15, 20]

for (const seed of SEEDS) {
  test(`a column that is secured and opened again and again wipes nobody and loses no edit (seed ${seed})`, async () => {
    const options = { ...HARD_SYNC_WORLD, stormHours: 3, storms: 2, stamped: true, seed }
    const { broken } = await new World({ ...options, traits: [securing] }).play()
    assert.deepEqual(broken, [])
  })
}
