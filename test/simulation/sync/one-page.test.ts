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
    lab.humans.removeRow(own.row)
    await lab.cycles(SETTLED_CYCLES)
    if (isOwnBack) lab.humans.restoreRow(own.row.id)
    for (const [index, { row }] of others.entries()) lab.humans.editRow(row, 'title', `t${index}`)
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
    const second = [own, ...others].filter(
      ({ row }) => lab.dynamics.rows.contact.has(row.id) && row.id !== link?.recordId,
    )
    assert.deepEqual(
      shown.map(({ other_value }) => other_value).sort(),
      second.map(({ row }) => `contact:${row.id}`).sort(),
    )
  })
}

test('two contacts in one page name the same lead: one has its link, the other a link of its own', async () => {
  using lab = new Lab({ seed: 3 })
  const { row: lead } = await linkedPair(lab, 'lead')
  lab.humans.qualify(lead.id)
  const named = { _originatingleadid_value: lead.id }
  lab.humans.row('contact', { email: 'b1@sim.example', lastName: 'L2' }, named)
  await lab.cycles(2 * SETTLED_CYCLES)
  const links = lab.records.links().map(({ state, table }) => ({ state, table }))
  const linked = { state: 'linked', table: 'contact' }
  assert.deepEqual(links, [linked, linked])
})
