import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lab } from './lab.ts'
import { SETTLED_CYCLES } from './pairs.ts'

/** As the token of a webhook arrives: in one line, and escaped. */
function folded(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('\n', ' ')
}

async function sent(lab: Lab, person: number, table: 'lead' | 'contact'): Promise<void> {
  const sending = lab.campaign.send(person, table)
  await lab.wait(30_000)
  await sending
}

const NOTES = 'n1 & more\nin two lines'

for (const table of ['lead', 'contact'] as const) {
  test(`S17 what a webhook made of a value is no edit of the ${table} that it made: the original arrives there`, async () => {
    using lab = new Lab({ seed: 4 })
    lab.campaign.mangles = folded
    const person = lab.humans.person({ email: 'a1@sim.example', lastName: 'l1', phone: 'p1', notes: NOTES })
    await sent(lab, person, table)
    await lab.cycles(SETTLED_CYCLES)
    const [row] = [...lab.dynamics.rows[table].values()]
    assert.deepEqual([lab.marketo.person(person).fields.notes, row?.columns.description], [NOTES, NOTES])
    assert.deepEqual([lab.records.newConflicts(), lab.records.differences()], [[], []])
  })

  test(`S2 edits of both sides between the create of a ${table} and the first cycle arrive`, async () => {
    using lab = new Lab({ seed: 5 })
    lab.campaign.mangles = folded
    const person = lab.humans.person({ email: 'a1@sim.example', lastName: 'l1', phone: 'p1', notes: NOTES })
    await sent(lab, person, table)
    const [id = ''] = [...lab.dynamics.rows[table].keys()]
    lab.humans.editRow({ table, id }, 'notes', 'd1')
    lab.humans.editPerson(person, 'phone', 'p2')
    await lab.cycles(SETTLED_CYCLES)
    const { notes, phone } = lab.marketo.person(person).fields
    const { description, telephone1 } = lab.dynamics.row(table, id).columns
    assert.deepEqual([notes, description, phone, telephone1], ['d1', 'd1', 'p2', 'p2'])
    assert.deepEqual(lab.records.newConflicts(), [])
  })
}
