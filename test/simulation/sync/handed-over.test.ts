import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lab } from './lab.ts'
import { columnOf, linkedPair, SETTLED_CYCLES, someValues, verdictsOf } from './pairs.ts'
import { NO_TROUBLE } from './wire.ts'

const TITLE = 'jobtitle'
/** Marketo's merges are read every five minutes. */
const MERGED_CYCLES = 8
/** Within this time a write without an answer has been waited out. */
const WAITED_OUT_MS = 600_000

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

/** A new record's person is made, no answer comes, and something happens meanwhile. */
async function madeBeside<T>(lab: Lab, happens: () => T): Promise<T> {
  const happened: T[] = []
  lab.diesHere = (point) => {
    if (point === 'before syncLeads.upsert') lab.toMarketo.trouble = { ...NO_TROUBLE, lostAfter: 1 }
    if (point !== 'after syncLeads.upsert') return false
    lab.toMarketo.trouble = NO_TROUBLE
    happened.push(happens())
    return false
  }
  await lab.cycles(1)
  lab.diesHere = () => false
  await lab.cycles(SETTLED_CYCLES)
  await lab.wait(WAITED_OUT_MS)
  await lab.cycles(SETTLED_CYCLES)
  const [result] = happened
  assert.ok(happened.length === 1)
  return result as T
}

test('a person who was made while another one took their record over is a second person of it, and seen as one', async () => {
  using lab = new Lab({ seed: 1 })
  const other = await linkedPair(lab, 'contact', 'b1')
  const row = lab.humans.row('contact', someValues('a1'))
  await madeBeside(lab, () => lab.humans.mergeRows('contact', row.id, other.row.id))
  const people = [...lab.marketo.people.keys()]
  const [link] = lab.records.links().filter(({ recordId }) => recordId === row.id)
  assert.ok(link?.marketoId !== undefined && people.includes(link.marketoId))
  const failures = await lab.store.readFailures({ limit: 10 })
  const shared = failures.map(({ code, other: one }) => [code, one?.kind === 'marketo' && one.marketoId])
  assert.deepEqual(shared, [['person-shared', people.find((id) => id !== link.marketoId)]])
})

test('a person who was made for a lead that is qualified before the answer is the person of the contact', async () => {
  using lab = new Lab({ seed: 1 })
  const lead = lab.humans.row('lead', someValues('a1'))
  const { id } = await madeBeside(lab, () => lab.humans.qualify(lead.id))
  const people = [...lab.marketo.people.values()].map(({ fields }) => fields.microsoftRecordId)
  assert.deepEqual([people, lab.records.differences()], [[id], []])
})
