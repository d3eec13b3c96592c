import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RowRef } from './humans.ts'
import { Lab } from './lab.ts'
import { linkedPair, SETTLED_CYCLES, someValues } from './pairs.ts'
import type { Value } from './schema.ts'

/** Within this time a merge has been read, with the deletion that Marketo logs for it. */
const FEED_MS_MAX = 600_000
/** A choice that Dynamics does not have: the flow action makes no record for this person. */
const UNFIT = { ...someValues('a1'), origin: 'Elsewhere' }

test('a record that sales enters for a person whose request failed takes the person over', async () => {
  using lab = new Lab({ seed: 1 })
  const id = lab.humans.person(UNFIT)
  void lab.campaign.send(id, 'lead')
  await lab.cycles(1)
  assert.deepEqual(
    lab.records.links().map(({ state }) => state),
    ['claimed'],
  )
  const row = lab.humans.row('contact', { ...someValues('a1'), title: 't1' })
  await lab.cycles(SETTLED_CYCLES)
  const links = lab.records.links().map(({ state, recordId, marketoId }) => [state, recordId, marketoId])
  assert.deepEqual(links, [['linked', row.id, id]])
  const { title, microsoftRecordId } = lab.marketo.person(id).fields
  assert.deepEqual([lab.marketo.people.size, title, microsoftRecordId], [1, 't1', row.id])
  assert.equal((await lab.store.backlog()).live, 0)
})

test('a record waits, as backlog, while a request for its person is open, and belongs to them afterwards', async () => {
  using lab = new Lab({ seed: 1 })
  const id = lab.humans.person(someValues('a1'))
  await lab.campaign.accept(id, 'lead')
  const row = lab.humans.row('contact', { ...someValues('a1'), title: 't1' })
  const linksNow = () => lab.records.links().map(({ state, marketoId }) => [state, marketoId])
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual(linksNow(), [
    ['claimed', id],
    ['linked', undefined],
  ])
  const { live, initial } = await lab.store.backlog()
  assert.equal(live + initial, 1)
  void lab.campaign.send(id, 'lead')
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual(linksNow(), [['linked', id]])
  const { title, microsoftRecordId } = lab.marketo.person(id).fields
  assert.deepEqual([lab.marketo.people.size, title, microsoftRecordId], [1, 't1', row.id])
})

/** The record of a person is deleted, which the sync knows; the person's own e-mail is another one by now. */
async function withoutRecord(lab: Lab, changed: Record<string, Value>) {
  const { row, person } = await linkedPair(lab, 'contact')
  lab.humans.removeRow(row)
  await lab.cycles(SETTLED_CYCLES)
  for (const [field, value] of Object.entries(changed)) lab.humans.editPerson(person.id, field, value)
  return { row, person }
}

function sharedIn(lab: Lab) {
  return lab.records
    .rowsOf("select other_value from failure where code = 'record-shared' and closed_at is null")
    .map((failure) => failure.other_value)
}

test('S18 a deleted record that comes back while a request is open is a failure, and stays one when another is made', async () => {
  using lab = new Lab({ seed: 1 })
  const { row, person } = await withoutRecord(lab, { email: 'other@sim.example' })
  const request = await lab.campaign.accept(person.id, 'contact')
  lab.humans.restoreRow(row.id)
  await lab.cycles(SETTLED_CYCLES)
  const shown = [`contact:${row.id}`]
  assert.deepEqual([stateOf(lab, person.id), sharedIn(lab)], ['claimed', shown])
  void lab.campaign.work(request)
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual([stateOf(lab, person.id), sharedIn(lab), lab.campaign.made], ['linked', shown, 1])
})

test('S18 a deleted record that comes back while a request is open has its person again when that fails', async () => {
  using lab = new Lab({ seed: 1 })
  const { row, person } = await withoutRecord(lab, { email: 'other@sim.example', origin: 'Elsewhere' })
  const request = await lab.campaign.accept(person.id, 'contact')
  lab.humans.restoreRow(row.id)
  await lab.cycles(SETTLED_CYCLES)
  void lab.campaign.work(request)
  await lab.cycles(SETTLED_CYCLES)
  await takesOver(lab, row, person.id)
})

test('S18 a deleted record that comes back after a request for its person failed has them again', async () => {
  using lab = new Lab({ seed: 1 })
  const { row, person } = await withoutRecord(lab, { origin: 'Elsewhere' })
  void lab.campaign.send(person.id, 'contact')
  await lab.cycles(1)
  assert.equal(stateOf(lab, person.id), 'claimed')
  lab.humans.restoreRow(row.id)
  await lab.cycles(SETTLED_CYCLES)
  await takesOver(lab, row, person.id)
})

test('S18 the record that a link had is a failure once a request has proven its second one', async () => {
  using lab = new Lab({ seed: 1 })
  const one = await linkedPair(lab, 'contact', 'a1')
  const two = await linkedPair(lab, 'contact', 'a2')
  lab.humans.mergePeople(one.person.id, two.person.id)
  await lab.wait(FEED_MS_MAX)
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual(sharedIn(lab), [`contact:${two.row.id}`])
  // The e-mail of the second record is nobody's name once both sides have agreed on another one.
  lab.humans.editPerson(one.person.id, 'email', 'other@sim.example')
  await lab.cycles(SETTLED_CYCLES)
  void lab.campaign.send(lab.humans.person(someValues('a2')), 'contact')
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual(sharedIn(lab), [`contact:${one.row.id}`])
})

/** The person has the record, no failure is open about it, and edits of it travel. */
async function takesOver(lab: Lab, row: RowRef, marketoId: number) {
  lab.humans.editRow(row, 'title', 't1')
  await lab.cycles(SETTLED_CYCLES)
  const links = lab.records.links().map(({ state, recordId }) => [state, recordId])
  assert.deepEqual([links, sharedIn(lab)], [[['linked', row.id]], []])
  const { title, microsoftRecordId, microsoftIsDeleted } = lab.marketo.person(marketoId).fields
  assert.deepEqual([title, microsoftRecordId, microsoftIsDeleted], ['t1', row.id, false])
}

function stateOf(lab: Lab, marketoId: number) {
  return lab.records.links().find((link) => link.marketoId === marketoId)?.state
}
