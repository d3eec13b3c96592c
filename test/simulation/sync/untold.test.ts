import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lab } from './lab.ts'
import { API } from './marketo.ts'
import { columnOf, linkedPair, SETTLED_CYCLES, verdictsOf } from './pairs.ts'
import { NO_TROUBLE } from './wire.ts'

/** Later than what the change log shows late, earlier than what was sent is forgotten. */
const LATE_MS_MAX = 3_600_000
const PROOF_OVERDUE_MS = 700_000
const SAVES_MAX = 20
/** Within the time that a write has to be shown. */
const LATE = { lateShare: 1, lateMsMax: 400_000 }
/** Longer than the clocks differ: Dynamics comes first, and takes its time. */
const SLOW_MS = 90_000

function toldBy(lab: Lab) {
  return lab.records.newConflicts().map(({ field, won, lost }) => ({ field, won, lost }))
}

for (const table of ['lead', 'contact'] as const) {
  test(`S2 an edit of a ${table} that takes back an unanswered write is told where no stamp proves the write`, async () => {
    using lab = new Lab({ seed: 2, stamped: false })
    const { row, person } = await linkedPair(lab, table)
    lab.humans.editPerson(person.id, 'phone', 'm1')
    lab.diesHere = (point) => lab.crashes === 0 && point === 'after rows.update'
    await lab.cycle()
    assert.equal(columnOf(lab, row, 'telephone1'), 'm1')
    lab.humans.editRow(row, 'phone', '1-a1')
    await lab.cycles(SETTLED_CYCLES)
    assert.deepEqual(toldBy(lab), [{ field: 'phone', won: 'm1', lost: '1-a1' }])
  })
}

test('S2 an edit in Marketo that takes back an unanswered write to Dynamics is told when an edit there wins', async () => {
  using lab = new Lab({ seed: 2, stamped: false })
  const { row, person } = await linkedPair(lab, 'contact')
  lab.humans.editPerson(person.id, 'phone', 'm1')
  lab.diesHere = (point) => lab.crashes === 0 && point === 'after rows.update'
  await lab.cycle()
  lab.humans.editPerson(person.id, 'phone', '1-a1')
  lab.humans.editRow(row, 'phone', 'd1')
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual(toldBy(lab), [{ field: 'phone', won: 'd1', lost: '1-a1' }])
})

test('S2 a write that never landed is made again and tells nothing while nobody touches the row', async () => {
  using lab = new Lab({ seed: 2, stamped: false })
  const { row, person } = await linkedPair(lab, 'contact')
  lab.humans.editPerson(person.id, 'phone', 'm1')
  lab.diesHere = (point) => lab.crashes === 0 && point === 'before rows.update'
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual([columnOf(lab, row, 'telephone1'), lab.crashes, toldBy(lab)], ['m1', 1, []])
})

test('S2 of two edits that writes of ours replaced unseen, the later one comes back and the first is told', async () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    using lab = new Lab({ seed })
    const { row, person } = await linkedPair(lab, 'lead')
    lab.marketo.values.lateShare = 1
    lab.marketo.values.lateMsMax = LATE_MS_MAX
    for (const serial of [1, 2]) {
      lab.humans.editPerson(person.id, 'phone', `m${serial}`)
      await lab.wait(1_000)
      lab.humans.editRow(row, 'phone', `d${serial}`)
      await lab.cycle()
    }
    await lab.wait(LATE_MS_MAX)
    await lab.cycles(SETTLED_CYCLES)
    const told = toldBy(lab).sort((one, other) => String(one.lost).localeCompare(String(other.lost)))
    assert.deepEqual([person.fields.phone, columnOf(lab, row, 'telephone1')], ['m2', 'm2'], `seed ${seed}`)
    assert.deepEqual(told, [
      { field: 'phone', won: 'm2', lost: 'd2' },
      { field: 'phone', won: 'd1', lost: 'm1' },
    ])
  }
})

test('S2 an edit that comes back is not taken for agreed on when it has arrived in Marketo only', async () => {
  using lab = new Lab({ seed: 4 })
  const { row, person } = await linkedPair(lab, 'lead')
  let writes = 0
  lab.diesHere = (point) => {
    if (point === 'before syncLeads.update') {
      writes += 1
      if (writes === 1) lab.humans.editPerson(person.id, 'phone', 'm1')
      if (writes === 2) lab.toMarketo.trouble = { ...NO_TROUBLE, lostAfter: 1 }
    }
    if (point === 'before rows.update' && writes === 1) lab.toDynamics.trouble = { ...NO_TROUBLE, busy: 1 }
    if (point === 'after rows.update') lab.toDynamics.trouble = NO_TROUBLE
    if (point === 'after syncLeads.update') lab.toMarketo.trouble = NO_TROUBLE
    return false
  }
  lab.humans.editRow(row, 'phone', 'd1')
  await lab.cycles(2 * SETTLED_CYCLES)
  assert.ok(writes >= 2 && lab.toMarketo.unknown === 1 && lab.toDynamics.busy === 1)
  assert.deepEqual([person.fields.phone, columnOf(lab, row, 'telephone1')], ['m1', 'm1'])
  assert.deepEqual(toldBy(lab), [{ field: 'phone', won: 'm1', lost: 'd1' }])
})

test('a stopped record whose last write is not proven rests until it is not stopped', async () => {
  using lab = new Lab({ seed: 3 })
  const { row } = await linkedPair(lab, 'lead')
  lab.marketo.values.lateShare = 1
  lab.marketo.values.lateMsMax = LATE_MS_MAX
  lab.humans.editRow(row, 'phone', 'd1')
  await lab.cycle()
  lab.dynamics.set('lead', row.id, { new_synctomkto: false })
  await lab.wait(PROOF_OVERDUE_MS)
  let saves = 0
  lab.diesHere = (point) => {
    if (point === 'after store.save') saves += 1
    return false
  }
  await lab.cycle()
  assert.ok(saves < SAVES_MAX, `${saves} saves in one cycle`)
  lab.dynamics.set('lead', row.id, { new_synctomkto: true })
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual([lab.records.differences(), verdictsOf(lab).unlogged], [[], []])
})

test('S2 an edit that came back, reached Marketo only and there replaced another one is told', async () => {
  using lab = new Lab({ seed: 5 })
  const { row, person } = await linkedPair(lab, 'lead')
  let writes = 0
  lab.diesHere = (point) => {
    if (point === 'before syncLeads.update') {
      writes += 1
      // Both of these edits are replaced by the write that is on its way.
      if (writes <= 2) lab.humans.editPerson(person.id, 'phone', `m${writes}`)
    }
    if (point === 'before rows.update' && writes === 1) {
      lab.toDynamics.trouble = { ...NO_TROUBLE, lostBefore: 1, cut: 1 }
    }
    if (point === 'after changes.leadChanges' && writes === 2) lab.toDynamics.trouble = NO_TROUBLE
    return false
  }
  lab.humans.editRow(row, 'phone', 'd1')
  await lab.cycles(4 * SETTLED_CYCLES)
  assert.deepEqual([person.fields.phone, columnOf(lab, row, 'telephone1')], ['m2', 'm2'])
  const told = toldBy(lab)
  assert.deepEqual(
    told.filter(({ lost }) => lost === 'm1'),
    [{ field: 'phone', won: 'd1', lost: 'm1' }],
    JSON.stringify(told),
  )
  assert.deepEqual(lab.records.differences(), [])
})

for (const table of ['lead', 'contact'] as const) {
  test(`S2 an edit of a ${table} over the API, taken for our slow write until that comes, hides no edit behind it`, async () => {
    using lab = new Lab({ seed: 2 })
    const { row, person } = await linkedPair(lab, table)
    lab.sleepsHere = (point) => {
      if (point !== 'before syncLeads.update') return 0
      lab.sleepsHere = () => 0
      lab.oracle.entered(`marketo:${person.id}`, 'marketo', 'phone', 'm1')
      lab.marketo.set(person.id, 'phone', 'm1', API)
      lab.scheduler.at(SLOW_MS / 2, () => lab.humans.editPerson(person.id, 'phone', 'm2'))
      return SLOW_MS
    }
    lab.humans.editRow(row, 'phone', 'd1')
    await lab.cycles(3 * SETTLED_CYCLES)
    const told = { lead: { won: 'm2', lost: 'd1' }, contact: { won: 'd1', lost: 'm2' } }[table]
    assert.deepEqual([person.fields.phone, columnOf(lab, row, 'telephone1')], [told.won, told.won])
    assert.deepEqual(toldBy(lab), [{ field: 'phone', ...told }])
  })
}

for (const table of ['lead', 'contact'] as const) {
  test(`S2 an edit of a ${table} over the API to what we sent before is not taken for a late write of ours`, async () => {
    using lab = new Lab({ seed: 2 })
    const { row, person } = await linkedPair(lab, table)
    lab.diesHere = (point) => {
      // Both enter the same: our write changes nothing there, and the change log never shows it.
      if (point === 'before syncLeads.update') lab.humans.editPerson(person.id, 'phone', 'd1')
      return false
    }
    lab.humans.editRow(row, 'phone', 'd1')
    await lab.cycles(1)
    lab.diesHere = () => false
    await lab.cycles(SETTLED_CYCLES)
    lab.humans.editRow(row, 'phone', 'd2')
    await lab.cycles(SETTLED_CYCLES)
    lab.oracle.entered(`marketo:${person.id}`, 'marketo', 'phone', 'd1')
    lab.marketo.set(person.id, 'phone', 'd1', API)
    await lab.cycles(2 * SETTLED_CYCLES)
    assert.deepEqual([person.fields.phone, columnOf(lab, row, 'telephone1'), toldBy(lab)], ['d1', 'd1', []])
  })
}

for (const table of ['lead', 'contact'] as const) {
  test(`S2 an edit that our write replaced unseen comes back or is told though the ${table} was deleted meanwhile`, async () => {
    using lab = new Lab({ seed: 6 })
    const { row, person } = await linkedPair(lab, table)
    lab.diesHere = (point) => {
      if (point === 'before syncLeads.update') lab.humans.editPerson(person.id, 'phone', 'm1')
      if (point === 'after syncLeads.update') lab.humans.removeRow(row)
      return false
    }
    lab.humans.editRow(row, 'phone', 'd1')
    await lab.cycles(1)
    lab.diesHere = () => false
    await lab.cycles(2 * SETTLED_CYCLES)
    const held = { lead: 'm1', contact: 'd1' }[table]
    const told = { lead: { won: 'm1', lost: 'd1' }, contact: { won: 'd1', lost: 'm1' } }[table]
    assert.deepEqual([person.fields.phone, person.fields.microsoftIsDeleted], [held, true])
    assert.deepEqual(toldBy(lab), [{ field: 'phone', ...told }])
    lab.humans.restoreRow(row.id)
    await lab.cycles(2 * SETTLED_CYCLES)
    assert.deepEqual([person.fields.phone, columnOf(lab, row, 'telephone1')], [held, held])
  })
}

test('S2 an edit that our write replaced unseen waits while its field does not travel', async () => {
  using lab = new Lab({ seed: 6 })
  const { row, person } = await linkedPair(lab, 'lead')
  let isWritten = false
  lab.diesHere = (point) => {
    if (point === 'before syncLeads.update' && !isWritten) lab.humans.editPerson(person.id, 'phone', 'm1')
    if (point === 'after syncLeads.update') isWritten = true
    if (point === 'after changes.leadChanges' && isWritten && lab.dynamics.secured.size === 0) {
      lab.dynamics.secure('telephone1', true)
      lab.humans.editRow(row, 'title', 'd2')
    }
    return false
  }
  lab.humans.editRow(row, 'phone', 'd1')
  await lab.cycles(SETTLED_CYCLES)
  lab.diesHere = () => false
  assert.deepEqual([person.fields.phone, person.fields.title], ['d1', 'd2'])
  lab.dynamics.secure('telephone1', false)
  lab.humans.editRow(row, 'title', 'd3')
  await lab.cycles(2 * SETTLED_CYCLES)
  assert.deepEqual([person.fields.phone, columnOf(lab, row, 'telephone1')], ['m1', 'm1'])
})

test('S2 an edit back to what was agreed on is told when the one before it was seen, and neither wins', async () => {
  using lab = new Lab({ seed: 6 })
  const { row, person } = await linkedPair(lab, 'lead')
  const edits = ['d1', '1-a1']
  lab.diesHere = (point) => {
    const next = point === 'before rows.update' ? edits.shift() : undefined
    if (next !== undefined) lab.humans.editRow(row, 'phone', next)
    return false
  }
  lab.humans.editPerson(person.id, 'phone', 'm1')
  await lab.cycles(2 * SETTLED_CYCLES)
  assert.deepEqual([edits, columnOf(lab, row, 'telephone1')], [[], 'm1'])
  assert.deepEqual(toldBy(lab), [
    { field: 'phone', won: 'm1', lost: 'd1' },
    { field: 'phone', won: 'm1', lost: '1-a1' },
  ])
})

test('S2 an edit that our write replaced unseen is told when its record is merged into the second record of another link', async () => {
  using lab = new Lab({ seed: 6 })
  const { row, person } = await linkedPair(lab, 'lead')
  const own = await linkedPair(lab, 'lead', 'b1')
  const second = await linkedPair(lab, 'lead', 'c1')
  lab.humans.mergePeople(own.person.id, second.person.id)
  await lab.cycles(SETTLED_CYCLES)
  let isWritten = false
  let isMerged = false
  lab.diesHere = (point) => {
    if (point === 'before syncLeads.update' && !isWritten) lab.humans.editPerson(person.id, 'phone', 'm1')
    if (point === 'after syncLeads.update') isWritten = true
    if (point === 'after changes.leadChanges' && isWritten && !isMerged) {
      lab.humans.mergeRows('lead', second.row.id, row.id)
      isMerged = true
    }
    return false
  }
  lab.humans.editRow(row, 'phone', 'd1')
  await lab.cycles(2 * SETTLED_CYCLES)
  assert.deepEqual([isMerged, person.fields.phone], [true, 'd1'])
  assert.deepEqual(toldBy(lab), [{ field: 'phone', won: 'd1', lost: 'm1' }])
})

test('S2 an edit that our write replaced unseen is told when the change log shows it only after its record was merged', async () => {
  using lab = new Lab({ seed: 6 })
  const { row, person } = await linkedPair(lab, 'lead')
  const other = await linkedPair(lab, 'lead', 'b1')
  lab.diesHere = (point) => {
    if (point === 'before syncLeads.update') {
      Object.assign(lab.marketo.values, LATE)
      lab.humans.editPerson(person.id, 'phone', 'm1')
    }
    if (point === 'after syncLeads.update') {
      Object.assign(lab.marketo.values, { lateShare: 0, lateMsMax: 0 })
      lab.diesHere = () => false
    }
    return false
  }
  lab.humans.editRow(row, 'phone', 'd1')
  await lab.cycle()
  assert.equal(person.fields.phone, 'd1')
  lab.humans.mergeRows('lead', other.row.id, row.id)
  await lab.cycles(SETTLED_CYCLES)
  await lab.wait(LATE.lateMsMax)
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual(toldBy(lab), [{ field: 'phone', won: 'd1', lost: 'm1' }])
})

/** Dynamics' value is written to Marketo and shown late there; the edits that follow at once are shown in time. */
async function assertArrives(
  written: { field: string; column: string; value: string },
  edits: readonly string[],
): Promise<void> {
  const { field, column, value } = written
  for (let seed = 1; seed <= 5; seed += 1) {
    using lab = new Lab({ seed })
    const { row, person } = await linkedPair(lab, 'contact')
    lab.humans.editRow(row, field, value)
    lab.diesHere = (point) => {
      if (point === 'before syncLeads.update') Object.assign(lab.marketo.values, LATE)
      if (point !== 'after syncLeads.update' || person.fields[field] !== value) return false
      Object.assign(lab.marketo.values, { lateShare: 0, lateMsMax: 0 })
      for (const edit of edits) lab.humans.editPerson(person.id, field, edit)
      return false
    }
    await lab.cycle()
    lab.diesHere = () => false
    await lab.cycles(2 * SETTLED_CYCLES)
    await lab.wait(LATE.lateMsMax)
    await lab.cycles(SETTLED_CYCLES)
    const there = [columnOf(lab, row, column), lab.records.differences()]
    assert.deepEqual(there, [edits.at(-1), []], `seed ${seed}`)
  }
}

test('S1 an edit of a text that the change log tells half arrives, though our write before it is shown after it', () =>
  assertArrives({ field: 'notes', column: 'description', value: 'd'.repeat(300) }, ['m1']))

test('S1 an edit that the change log shows before the write that it followed arrives, once that is shown late', () =>
  // Two in one second: the person is read.
  assertArrives({ field: 'phone', column: 'telephone1', value: 'd1' }, ['m0', 'm1']))

test('a person who shares a link is flagged soon when the write of the flag was lost', async () => {
  using lab = new Lab({ seed: 6 })
  const { row, person } = await linkedPair(lab, 'lead')
  const other = await linkedPair(lab, 'lead', 'b1')
  lab.diesHere = (point) => {
    if (point === 'before syncLeads.update') lab.toMarketo.trouble = { ...NO_TROUBLE, lostBefore: 1 }
    if (point === 'after syncLeads.update') lab.toMarketo.trouble = NO_TROUBLE
    return false
  }
  lab.humans.mergeRows('lead', other.row.id, row.id)
  await lab.cycle()
  lab.diesHere = () => false
  assert.notEqual(person.fields.microsoftIsDeleted, true)
  await lab.cycles(SETTLED_CYCLES)
  assert.equal(person.fields.microsoftIsDeleted, true)
})
