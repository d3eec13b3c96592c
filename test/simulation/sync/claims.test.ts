import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lab } from './lab.ts'
import { SETTLED_CYCLES, someValues } from './pairs.ts'

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
