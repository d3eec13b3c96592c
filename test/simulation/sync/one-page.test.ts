import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lab } from './lab.ts'
import { linkedPair, SETTLED_CYCLES } from './pairs.ts'

/** Rows of one page that are about the same link: it is saved once, or the page would be read again for ever. */

for (const isOwnBack of [true, false]) {
  const which = isOwnBack ? 'its own one and a second one' : 'two second ones'
  test(`S18 of the records of a link without one, ${which} come in one page: one is synced, the others are shown`, async () => {
    using lab = new Lab({ seed: 3 })
    const own = await linkedPair(lab, 'contact', 'a1')
    const others = [await linkedPair(lab, 'contact', 'b1'), await linkedPair(lab, 'contact', 'c1')]
    for (const { person } of others) lab.humans.mergePeople(own.person.id, person.id)
    await lab.cycles(3 * SETTLED_CYCLES)
    const all = [own, ...others]
    for (const { row } of all) lab.humans.removeRow(row)
    await lab.cycles(SETTLED_CYCLES)
    for (const { row } of isOwnBack ? all : others) lab.humans.restoreRow(row.id)
    await lab.cycles(2 * SETTLED_CYCLES)
    const [link, ...more] = lab.records.links()
    assert.deepEqual(
      [link?.state, more, lab.records.differences(), lab.records.unshown()],
      ['linked', [], [], []],
    )
    assert.equal(link?.recordId === own.row.id, isOwnBack)
    const shown = lab.records.rowsOf(
      `select other_value from failure where code = 'record-shared' and closed_at is null and advice like '%${link?.recordId}%'`,
    )
    const second = all.filter(({ row }) => lab.dynamics.rows.contact.has(row.id) && row.id !== link?.recordId)
    assert.deepEqual(
      shown.map(({ other_value }) => other_value).sort(),
      second.map(({ row }) => `contact:${row.id}`).sort(),
    )
  })
}

test('two contacts in one page name the same lead: one has its link, the other a link of its own', async () => {
  using lab = new Lab({ seed: 3 })
  const { row: lead } = await linkedPair(lab, 'lead')
  const named = { _originatingleadid_value: lead.id }
  for (const name of ['b1', 'c1']) {
    lab.humans.row('contact', { email: `${name}@sim.example`, lastName: name }, named)
  }
  await lab.cycles(2 * SETTLED_CYCLES)
  const links = lab.records.links().map(({ state, table }) => ({ state, table }))
  const linked = { state: 'linked', table: 'contact' }
  assert.deepEqual(links, [linked, linked])
})

for (const when of ['before its own one was deleted', 'after that', 'at the same time'] as const) {
  test(`S13 a second record that came to a link ${when} takes it over without an edit of its own`, async () => {
    using lab = new Lab({ seed: 3 })
    const own = await linkedPair(lab, 'contact', 'a1')
    const second = await linkedPair(lab, 'contact', 'b1')
    const merge = () => lab.humans.mergePeople(own.person.id, second.person.id)
    const remove = () => lab.humans.removeRow(own.row)
    const deeds = when === 'after that' ? [remove, merge] : [merge, remove]
    for (const deed of deeds) {
      deed()
      if (when !== 'at the same time') await lab.cycles(4 * SETTLED_CYCLES)
    }
    await lab.cycles(4 * SETTLED_CYCLES)
    const { writes } = lab
    const tied = lab.records.links().map(({ state, recordId }) => [state, recordId])
    assert.deepEqual(tied, [['linked', second.row.id]])
    assert.deepEqual(
      [own.person.fields.microsoftRecordId, own.person.fields.microsoftIsDeleted === true],
      [second.row.id, false],
    )
    lab.dynamics.expireTokens()
    await lab.cycles(SETTLED_CYCLES)
    assert.deepEqual([lab.writes - writes, lab.records.differences(), lab.records.unshown()], [0, [], []])
    assert.deepEqual(lab.records.rowsOf('select code from failure where closed_at is null'), [])
  })
}
