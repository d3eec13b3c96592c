import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lab } from './lab.ts'
import { columnOf, linkedPair, SETTLED_CYCLES, someValues, verdictsOf } from './pairs.ts'
import { STAMP } from './schema.ts'
import { Storm } from './storm.ts'
import { NO_TROUBLE } from './wire.ts'

const STORM = { everyMs: 4_000, people: { min: 30, max: 60 } }

/** After this, nothing passes for a first time any more. */
const CALM_MS = 7_200_000

/** Everything that a cycle can take in at once. */
async function eventfulCycle(lab: Lab) {
  const lead = await linkedPair(lab, 'lead', 'a1')
  const contact = await linkedPair(lab, 'contact', 'b1')
  await lab.wait(CALM_MS)
  await lab.cycle()
  lab.humans.editPerson(lead.person.id, 'title', 't1')
  lab.humans.editRow(contact.row, 'title', 't2')
  lab.humans.editPerson(contact.person.id, 'phone', 'm3')
  lab.humans.editRow(contact.row, 'phone', 'd3')
  lab.humans.row('lead', someValues('c1'))
  lab.humans.person({ ...someValues('d1'), title: 't4' })
  lab.humans.row('contact', someValues('d1'))
  return { lead, contact }
}

async function placesToDieAt(): Promise<number> {
  let points = 0
  using calm = new Lab({ seed: 6 })
  await eventfulCycle(calm)
  calm.diesHere = () => {
    points += 1
    return false
  }
  await calm.cycle()
  assert.ok(points > 40, `the cycle has ${points} places to die at`)
  return points
}

type Pairs = Awaited<ReturnType<typeof eventfulCycle>>

/** Lets the process die once at each place of an eventful cycle; `meanwhile` is done before the next one starts. */
async function dieEverywhere(meanwhile: (lab: Lab, pairs: Pairs) => void): Promise<void> {
  const points = await placesToDieAt()
  for (let fatal = 1; fatal <= points; fatal += 1) {
    using lab = new Lab({ seed: 6 })
    const pairs = await eventfulCycle(lab)
    let passed = 0
    let where = ''
    lab.diesHere = (point) => {
      passed += 1
      if (passed === fatal) where = point
      return passed === fatal
    }
    await lab.cycle()
    meanwhile(lab, pairs)
    await lab.cycles(SETTLED_CYCLES + 3)
    const { unlogged, wronged } = verdictsOf(lab)
    const left = [...lab.records.differences(), ...lab.records.strays()]
    assert.deepEqual({ where, left, unlogged, wronged }, { where, left: [], unlogged: [], wronged: [] })
    assert.deepEqual([lab.crashes, lab.marketo.people.size], [1, 4])
  }
}

test('S6 wherever the process dies, nothing that a stream said is missed', async () => {
  await dieEverywhere(() => {})
})

test('S6 wherever the process dies, an edit on top of what it had written still counts', async () => {
  await dieEverywhere((lab, { lead, contact }) => {
    lab.humans.editRow(lead.row, 'title', 'seen-1')
    lab.humans.editPerson(contact.person.id, 'title', 'seen-2')
    lab.humans.editPerson(contact.person.id, 'phone', 'seen-3')
  })
})

test('S6 a cursor is stored together with what its page said', async () => {
  using lab = new Lab({ seed: 6 })
  const { row, person } = await linkedPair(lab, 'lead')
  lab.humans.editPerson(person.id, 'title', 't1')
  lab.humans.editRow(row, 'phone', 'p1')
  const before = await lab.store.readState()
  lab.diesHere = (point) => point === 'before store.save'
  await lab.cycle()
  assert.deepEqual(await lab.store.readState(), before)
})

for (const table of ['lead', 'contact'] as const) {
  test(`S2 a write for a ${table} that Marketo carries out late never comes after a newer one`, async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      using lab = new Lab({ seed })
      const { row, person } = await linkedPair(lab, table)
      lab.toMarketo.trouble = { ...NO_TROUBLE, late: 1, lateMsMax: 90_000 }
      lab.humans.editRow(row, 'phone', 'd1')
      await lab.cycle()
      lab.toMarketo.trouble = NO_TROUBLE
      lab.humans.editRow(row, 'phone', 'd2')
      const landed: unknown[] = []
      const { onWritten } = lab.marketo.watch
      lab.marketo.watch.onWritten = (id, field, value) => {
        landed.push(value)
        onWritten(id, field, value)
      }
      await lab.cycle()
      await lab.cycles(6)
      assert.deepEqual([person.fields.phone, columnOf(lab, row, 'telephone1')], ['d2', 'd2'], `seed ${seed}`)
      assert.deepEqual(
        landed.filter((value) => value !== 'd1'),
        ['d2'],
        `seed ${seed}`,
      )
    }
  })
}

test('S7 to take the same changes in again from older cursors changes nothing', async () => {
  using lab = new Lab({ seed: 7 })
  const storm = new Storm(lab, { ...STORM, upheavals: false })
  storm.populate()
  await lab.cycles(SETTLED_CYCLES)
  storm.begin()
  const { cursors } = await lab.store.readState()
  await lab.cycles(20)
  storm.end()
  await lab.cycles(10)
  const [{ writes }, held] = [lab, JSON.stringify([...lab.marketo.people.values()])]
  const feeds = cursors.filter(({ stream }) => stream !== 'activity-log')
  await lab.store.save({ now: lab.scheduler.now(), cursors: feeds })
  await lab.cycles(10)
  assert.equal(lab.writes, writes)
  assert.equal(JSON.stringify([...lab.marketo.people.values()]), held)
  assert.deepEqual(lab.records.differences(), [])
})

test('S8 a deleted record stays deleted, and its person stays and is told', async () => {
  using lab = new Lab({ seed: 8 })
  const { row, person } = await linkedPair(lab, 'lead')
  lab.humans.removeRow(row)
  lab.humans.editPerson(person.id, 'phone', 'm1')
  await lab.cycles(10)
  assert.equal(lab.dynamics.rows.lead.size, 0)
  assert.equal(lab.marketo.people.get(person.id)?.fields.microsoftIsDeleted, true)
  lab.humans.restoreRow(row.id)
  await lab.cycles(SETTLED_CYCLES)
  assert.equal(lab.marketo.people.get(person.id)?.fields.microsoftIsDeleted, false)
  assert.equal(columnOf(lab, row, 'telephone1'), 'm1')
})

test('S8 a deleted person stays deleted and the record untouched, until the record changes', async () => {
  using lab = new Lab({ seed: 8 })
  const { row, person } = await linkedPair(lab, 'lead')
  const columns = { ...lab.dynamics.row('lead', row.id).columns }
  lab.humans.removePerson(person.id)
  await lab.cycles(20)
  assert.equal(lab.marketo.people.size, 0)
  assert.deepEqual(lab.dynamics.row('lead', row.id).columns, columns)
  lab.humans.editRow(row, 'phone', 'd1')
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual(
    lab.marketo.find('microsoftRecordId', row.id).map(({ fields }) => [fields.firstName, fields.phone]),
    [['F-a1', 'd1']],
  )
})

test('S8 a deleted person costs the record nothing, wherever the process dies when it hears of it', async () => {
  for (let fatal = 1; fatal <= 80; fatal += 1) {
    using lab = new Lab({ seed: 8, settings: { lifeIntervalMs: 0 } })
    const { row, person } = await linkedPair(lab, 'contact')
    lab.humans.editRow(row, 'title', 't1')
    await lab.cycles(SETTLED_CYCLES)
    const columns = { ...lab.dynamics.row('contact', row.id).columns, [STAMP]: '' }
    lab.humans.removePerson(person.id)
    let passed = 0
    lab.diesHere = () => {
      passed += 1
      return passed === fatal
    }
    await lab.cycles(20)
    assert.deepEqual(
      { ...lab.dynamics.row('contact', row.id).columns, [STAMP]: '' },
      columns,
      `point ${fatal}`,
    )
    assert.equal(lab.marketo.people.size, 0, `point ${fatal}: nobody asked for a new person`)
  }
})

test('S9 a record gets one person, however often the answer is lost or the process dies', async () => {
  const lot = { ...NO_TROUBLE, lateMsMax: 90_000 }
  const troubles = [
    { ...lot, lostAfter: 1 },
    { ...lot, lostBefore: 1 },
    { ...lot, late: 1 },
  ]
  for (const trouble of troubles) {
    using lab = new Lab({ seed: 9 })
    lab.toMarketo.trouble = trouble
    for (const name of ['a1', 'b1', 'c1']) lab.humans.row('lead', someValues(name))
    lab.diesHere = (point) => lab.crashes < 2 && point === 'after syncLeads.upsert'
    await lab.cycles(4)
    lab.toMarketo.trouble = NO_TROUBLE
    await lab.cycles(10)
    assert.deepEqual([lab.marketo.people.size, lab.records.strays()], [3, []])
  }
})

test('S9 a record joins the one person with its e-mail, and two records never share one', async () => {
  using lab = new Lab({ seed: 9 })
  const id = lab.humans.person(someValues('a1'))
  const first = lab.humans.row('lead', someValues('a1'))
  const second = lab.humans.row('contact', { ...someValues('a1'), firstName: 'G-a1' })
  await lab.cycles(5)
  const owners = [first, second].map(({ id: recordId }) =>
    lab.marketo.find('microsoftRecordId', recordId).map((person) => person.id),
  )
  assert.equal(lab.marketo.people.size, 2)
  assert.deepEqual(
    owners.map(({ length }) => length),
    [1, 1],
  )
  assert.ok(owners.flat().includes(id))
})
