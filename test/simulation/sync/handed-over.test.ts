import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lab } from './lab.ts'
import { columnOf, linkedPair, SETTLED_CYCLES, verdictsOf } from './pairs.ts'

const TITLE = 'jobtitle'
/** Marketo's merges are read every five minutes. */
const MERGED_CYCLES = 8

/** A person with a contact, and a lead as second record. */
async function twoRecords(lab: Lab) {
  const contact = await linkedPair(lab, 'contact', 'a1')
  const lead = await linkedPair(lab, 'lead', 'b1')
  lab.humans.mergePeople(contact.person.id, lead.person.id)
  await lab.cycles(MERGED_CYCLES)
  return { contact: contact.row, lead: lead.row, person: contact.person }
}

test('a contact that comes back with what its lead held long ago loses no newer edit untold', async () => {
  using lab = new Lab({ seed: 1 })
  const { row, person } = await linkedPair(lab, 'lead')
  const contact = lab.humans.qualify(row.id)
  lab.humans.removeRow(contact)
  await lab.cycles(SETTLED_CYCLES)
  lab.humans.editPerson(person.id, 'phone', 'm1')
  lab.humans.editPerson(person.id, 'leadScore', 7)
  await lab.cycles(SETTLED_CYCLES)
  assert.equal(columnOf(lab, row, 'telephone1'), 'm1')
  lab.humans.restoreRow(contact.id)
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual(
    [person.fields.microsoftRecordId, person.fields.phone, columnOf(lab, contact, 'new_score')],
    [contact.id, columnOf(lab, contact, 'telephone1'), 7],
  )
  assert.deepEqual(verdictsOf(lab).unlogged, [])
})

test('a record that takes a link over from the other table is missed when it is deleted before a full read', async () => {
  using lab = new Lab({ seed: 1 })
  const { contact, lead, person } = await twoRecords(lab)
  // Contacts are read anew once more than leads.
  const { start, follow } = lab.dynamics
  let isRead = false
  lab.dynamics.start = (...args) => {
    isRead = true
    return start.apply(lab.dynamics, args)
  }
  lab.dynamics.follow = (table, next) =>
    table === 'contact' && !isRead ? { kind: 'expired' } : follow.call(lab.dynamics, table, next)
  await lab.cycles(1)
  assert.ok(isRead)
  lab.humans.removeRow(contact)
  await lab.cycles(1)
  assert.equal(person.fields.microsoftRecordId, lead.id)
  lab.humans.removeRow(lead)
  lab.dynamics.expireTokens()
  await lab.cycles(SETTLED_CYCLES)
  assert.equal(person.fields.microsoftIsDeleted, true)
})

test('a record that takes a link over gets what Marketo was given while a column was secured', async () => {
  using lab = new Lab({ seed: 1 })
  const { row, person } = await linkedPair(lab, 'lead')
  lab.dynamics.secure(TITLE, true)
  lab.humans.editRow(row, 'phone', 'd1')
  await lab.cycles(SETTLED_CYCLES)
  lab.humans.editPerson(person.id, 'title', 'm1')
  await lab.cycles(SETTLED_CYCLES)
  lab.dynamics.secure(TITLE, false)
  const contact = lab.humans.qualify(row.id)
  await lab.cycles(SETTLED_CYCLES)
  assert.equal(person.fields.microsoftRecordId, contact.id)
  assert.deepEqual([person.fields.title, columnOf(lab, contact, TITLE)], ['m1', 'm1'])
})
