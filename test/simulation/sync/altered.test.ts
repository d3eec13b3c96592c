import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alteringSides, cut } from './altering.ts'
import { REFUSED } from './dynamics.ts'
import { Lab } from './lab.ts'
import { API } from './marketo.ts'
import { columnOf, linkedPair, SETTLED_CYCLES, someValues } from './pairs.ts'
import { HARD_SYNC_WORLD } from './play.ts'
import type { Table, Value } from './schema.ts'
import { NO_TROUBLE } from './wire.ts'
import { assertWhole, World } from './world.ts'

/** S17: a value that a side altered by itself is never written back over the original. */

const LONG = 'x'.repeat(300)
const LATE_MS = 240_000
/** Within this time a deletion has been read. */
const FEED_MS_MAX = 600_000
const SENT_FORGOTTEN_MS = 8_000_000
const TABLES: readonly Table[] = ['lead', 'contact']

function capitals(_: string, value: Value): Value {
  return typeof value === 'string' ? value.toUpperCase() : value
}

function codesOf(lab: Lab): Record<string, number> {
  return lab.records.failureCodes()
}

async function cutting(table: Table, seed = 17) {
  const lab = new Lab({ seed })
  lab.marketo.alters = cut
  const pair = await linkedPair(lab, table)
  return { lab, ...pair, seen: (column: string) => columnOf(lab, pair.row, column) }
}

for (const table of TABLES) {
  const texts: [what: string, field: string, column: string, value: string, own: Value][] = [
    ['a text before an emoji', 'title', 'jobtitle', 'Chief 😀 and more', 'Chief'],
    ['all of a text that begins with one', 'title', 'jobtitle', '😀 Chief', null],
    ['what was there already', 'phone', 'telephone1', '1-a1 😀', '1-a1'],
    ['a text that is cut where the log shows nothing of it', 'notes', 'description', `${LONG} 😀`, LONG],
    ['a long text that the log shows', 'notes', 'description', `y 😀 ${LONG}`, 'y'],
  ]
  for (const [what, field, column, value, own] of texts) {
    test(`S17 Marketo keeps ${what}: the ${table} keeps the original, and it is reported once`, async () => {
      const { lab, row, person, seen } = await cutting(table)
      using _ = lab
      lab.humans.editRow(row, field, value)
      await lab.cycles(SETTLED_CYCLES + 12)
      assert.deepEqual([seen(column), person.fields[field] ?? null], [value, own])
      assert.deepEqual(codesOf(lab), { 'altered-by-marketo': 1 })
      const { writes } = lab
      await lab.wait(SENT_FORGOTTEN_MS)
      lab.dynamics.expireTokens()
      lab.marketo.tokens.lose()
      lab.humans.editPerson(person.id, 'firstName', 'F2')
      lab.crash()
      await lab.cycles(SETTLED_CYCLES + 12)
      assert.deepEqual([seen(column), person.fields[field] ?? null, lab.writes - writes], [value, own, 1])
      assert.deepEqual([codesOf(lab), await backlogOf(lab)], [{ 'altered-by-marketo': 1 }, [0, 0]])
      assert.deepEqual(lab.records.newConflicts(), [])
    })
  }

  for (const [what, late, died] of [
    ['comes late', true, false],
    ['has no answer', false, true],
  ] as const) {
    test(`S17 Marketo's own form of a value of a ${table} is no edit when the proof of its write ${what}`, async () => {
      for (let seed = 1; seed <= 6; seed += 1) {
        const { lab, row, person, seen } = await cutting(table, seed)
        using _ = lab
        lab.marketo.values.lateShare = late ? 1 : 0
        lab.marketo.values.lateMsMax = LATE_MS
        const crashes = lab.crashes
        lab.diesHere = (point) => died && lab.crashes === crashes && point === 'after syncLeads.update'
        lab.humans.editRow(row, 'title', 'Chief 😀')
        lab.humans.editPerson(person.id, 'phone', 'm1')
        await lab.cycles(1)
        // Somebody edits another field, so that the person is read at once.
        lab.humans.editPerson(person.id, 'firstName', 'F2')
        lab.humans.editPerson(person.id, 'firstName', 'F3')
        await lab.cycles(SETTLED_CYCLES + 15)
        assert.deepEqual(
          { seed, seen: [seen('jobtitle'), seen('telephone1'), seen('firstname')], own: person.fields.title },
          { seed, seen: ['Chief 😀', 'm1', 'F3'], own: 'Chief' },
        )
        assert.deepEqual([codesOf(lab), lab.records.differences()], [{ 'altered-by-marketo': 1 }, []])
      }
    })
  }

  test(`S17 what Marketo keeps of a new person's values is reported though the ${table} was stopped for hours before it was read`, async () => {
    using lab = new Lab({ seed: 17 })
    lab.marketo.alters = cut
    const row = lab.humans.row(table, { ...someValues('a1'), phone: '😀 1' })
    await lab.cycles(1)
    lab.dynamics.set(table, row.id, { new_synctomkto: false })
    await lab.cycles(SETTLED_CYCLES)
    await lab.wait(SENT_FORGOTTEN_MS)
    lab.dynamics.set(table, row.id, { new_synctomkto: true })
    await lab.cycles(SETTLED_CYCLES)
    assert.deepEqual([lab.records.differences(), codesOf(lab)], [[], { 'altered-by-marketo': 1 }])
  })

  test(`S17 an edit in Marketo of what it had cut reaches the ${table}, and the failure is over`, async () => {
    for (const value of ['Boss', 'Chief!', '😀 Boss', null]) {
      const { lab, row, person, seen } = await cutting(table)
      using _ = lab
      lab.humans.editRow(row, 'title', 'Chief 😀')
      await lab.cycles(SETTLED_CYCLES)
      lab.humans.editPerson(person.id, 'title', value)
      await lab.cycles(SETTLED_CYCLES)
      assert.deepEqual([seen('jobtitle'), person.fields.title, codesOf(lab)], [value, value, {}])
    }
  })

  test(`S17 an edit in Marketo of what it had cut of a one-way field of the ${table} stays, and the failure is over`, async () => {
    const { lab, row, person, seen } = await cutting(table)
    using _ = lab
    lab.humans.editRow(row, 'tier', 'Gold 😀')
    await lab.cycles(SETTLED_CYCLES + 12)
    assert.deepEqual(codesOf(lab), { 'altered-by-marketo': 1 })
    lab.humans.editPerson(person.id, 'tier', 'Silver')
    // Two entries of one second are not conclusive: the person is read.
    for (const name of ['F2', 'F3']) lab.humans.editPerson(person.id, 'firstName', name)
    await lab.cycles(SETTLED_CYCLES + 12)
    assert.deepEqual([seen('new_tier'), person.fields.tier, codesOf(lab)], ['Gold 😀', 'Silver', {}])
  })

  test(`S17 a ${table} of which a later edit is refused is no longer said to be altered`, async () => {
    using lab = new Lab({ seed: 17 })
    lab.dynamics.alters = capitals
    const { person } = await linkedPair(lab, table)
    lab.humans.editPerson(person.id, 'firstName', 'ann')
    await lab.cycles(SETTLED_CYCLES)
    assert.deepEqual(codesOf(lab), { 'altered-by-dynamics': 1 })
    lab.humans.editPerson(person.id, 'lastName', REFUSED)
    lab.humans.editPerson(person.id, 'firstName', 'bea')
    await lab.cycles(SETTLED_CYCLES)
    assert.deepEqual(codesOf(lab), { 'business-rule': 1 })
  })

  test(`S17 the ${table} keeps a text that Marketo had cut though nothing is agreed on any more`, async () => {
    const { lab, row, person, seen } = await cutting(table)
    using _ = lab
    lab.humans.editRow(row, 'title', 'Chief 😀')
    await lab.cycles(SETTLED_CYCLES)
    const { email = null, lastName = null, title = null } = person.fields
    lab.humans.removePerson(person.id)
    await lab.wait(FEED_MS_MAX)
    await lab.cycles(SETTLED_CYCLES)
    const id = lab.humans.person({ email, lastName, title })
    await lab.cycles(SETTLED_CYCLES)
    const { title: held, microsoftRecordId } = lab.marketo.person(id).fields
    assert.deepEqual([seen('jobtitle'), held, microsoftRecordId], ['Chief 😀', 'Chief', row.id])
    assert.deepEqual(codesOf(lab), { 'altered-by-marketo': 1 })
  })

  test(`S2 an edit in Marketo that takes an emoji and what follows away reaches the ${table}`, async () => {
    for (const isRead of [false, true]) {
      const { lab, row, person, seen } = await cutting(table)
      using _ = lab
      lab.humans.editPerson(person.id, 'title', 'Chief 😀')
      await lab.cycles(SETTLED_CYCLES)
      assert.equal(seen('jobtitle'), 'Chief 😀')
      // Two entries of one second are not conclusive: the person is read.
      if (isRead) lab.humans.editPerson(person.id, 'title', 'Chief 😀😀')
      if (isRead) lab.humans.editPerson(person.id, 'title', 'Chief 😀')
      lab.humans.editPerson(person.id, 'title', 'Chief')
      await lab.cycles(SETTLED_CYCLES)
      assert.deepEqual([seen('jobtitle'), row.table, codesOf(lab)], ['Chief', table, {}])
    }
  })

  test(`S17 two alterations after each other: the ${table} keeps its second original`, async () => {
    const { lab, row, person, seen } = await cutting(table)
    using _ = lab
    for (const value of ['One 😀', 'Two 😀', '😀 Three', 'Two 😀']) {
      lab.humans.editRow(row, 'title', value)
      await lab.cycles(1)
    }
    await lab.cycles(SETTLED_CYCLES)
    assert.deepEqual([seen('jobtitle'), person.fields.title], ['Two 😀', 'Two'])
    assert.deepEqual(codesOf(lab), { 'altered-by-marketo': 1 })
  })

  test(`S2 an edit in Marketo that our altered write replaced unseen is not lost, on a ${table}`, async () => {
    const { lab, row, person, seen } = await cutting(table)
    using _ = lab
    lab.diesHere = (point) => {
      if (
        point === 'before syncLeads.update' &&
        lab.oracle.holds(`marketo:${person.id}`, 'title') === undefined
      ) {
        lab.oracle.entered(`marketo:${person.id}`, 'marketo', 'title', 'm1')
        lab.marketo.set(person.id, 'title', 'm1', API)
      }
      return false
    }
    lab.humans.editRow(row, 'title', 'd1 😀')
    await lab.cycles(2 * SETTLED_CYCLES)
    const told = lab.records.newConflicts().map(({ won, lost }) => [won, lost])
    if (table === 'lead') assert.deepEqual([seen('jobtitle'), told], ['m1', [['m1', 'd1 😀']]])
    else assert.deepEqual([seen('jobtitle'), told], ['d1 😀', [['d1 😀', 'm1']]])
  })

  test(`S17 what a plug-in makes of a value is the ${table}'s form of it: no edit, reported once`, async () => {
    for (const died of [false, true]) {
      using lab = new Lab({ seed: 17, stamped: !died })
      const { row, person } = await linkedPair(lab, table)
      lab.dynamics.alters = capitals
      lab.diesHere = (point) => died && lab.crashes === 0 && point === 'after rows.update'
      lab.humans.editPerson(person.id, 'title', 'Chief')
      await lab.cycles(SETTLED_CYCLES)
      const { writes } = lab
      await lab.cycles(SETTLED_CYCLES)
      assert.deepEqual([columnOf(lab, row, 'jobtitle'), person.fields.title], ['CHIEF', 'Chief'])
      assert.deepEqual([codesOf(lab), lab.writes], [{ 'altered-by-dynamics': 1 }, writes])
      lab.humans.editRow(row, 'title', 'Boss')
      await lab.cycles(SETTLED_CYCLES)
      assert.deepEqual([person.fields.title, codesOf(lab)], ['BOSS', {}])
    }
  })

  test(`a plug-in that changes another column of the same write of a ${table} has edited it: that travels`, async () => {
    using lab = new Lab({ seed: 17 })
    const { row, person } = await linkedPair(lab, table)
    lab.dynamics.alters = (column, value) => {
      if (column !== 'jobtitle') return value
      lab.oracle.entered(`${table}:${row.id}`, 'dynamics', 'phone', `of ${value}`)
      lab.dynamics.row(table, row.id).columns.telephone1 = `of ${value}`
      return value
    }
    lab.humans.editPerson(person.id, 'title', 'Chief')
    await lab.cycles(SETTLED_CYCLES)
    assert.deepEqual([person.fields.phone, person.fields.title], ['of Chief', 'Chief'])
  })

  test(`S17 a person who is made of a ${table} with an emoji is read back, and the original stays`, async () => {
    using lab = new Lab({ seed: 17 })
    lab.marketo.alters = cut
    const row = lab.humans.row(table, { email: 'e1@sim.example', lastName: 'L1', title: 'Chief 😀' })
    await lab.cycles(SETTLED_CYCLES + 12)
    const [person] = [...lab.marketo.people.values()]
    assert.ok(person)
    assert.deepEqual([person.fields.title, columnOf(lab, row, 'jobtitle')], ['Chief', 'Chief 😀'])
    assert.deepEqual(codesOf(lab), { 'altered-by-marketo': 1 })
    lab.humans.editPerson(person.id, 'title', 'Boss')
    await lab.cycles(SETTLED_CYCLES)
    assert.deepEqual([columnOf(lab, row, 'jobtitle'), codesOf(lab)], ['Boss', {}])
  })
}

async function backlogOf(lab: Lab): Promise<[number, number]> {
  const { live, initial } = await lab.store.backlog()
  return [live, initial]
}

for (const [seed, stamped] of [
  [11, true],
  [12, false],
] as const) {
  test(`S2 S17 a world in which both sides alter values loses no edit and overwrites no original, seed ${seed}`, async () => {
    const options = { ...HARD_SYNC_WORLD, upheavals: false, stormHours: 8, storms: 2, everyMs: 10_000 }
    const result = await new World({ ...options, stamped, seed, traits: [alteringSides] }).play()
    assertWhole(result, seed)
    assert.ok(result.edits > 2_000)
  })
}

test('S17 in a calm world nothing at all is lost or wronged by what the sides make of values', async () => {
  const calm = { trouble: NO_TROUBLE, crashAtVerb: 0, lateEntries: { share: 0, msMax: 0 } }
  const options = { ...HARD_SYNC_WORLD, ...calm, upheavals: false, stormHours: 6, storms: 2, everyMs: 20_000 }
  const result = await new World({ ...options, stamped: false, seed: 5, traits: [alteringSides] }).play()
  assert.deepEqual([result.broken, result.unlogged], [[], []])
})
