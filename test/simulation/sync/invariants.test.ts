import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lab } from './lab.ts'
import { columnOf, linkedPair, SETTLED_CYCLES } from './pairs.ts'
import { HARD_SYNC_WORLD } from './play.ts'
import { CHOICES, FIELDS, STAMP, SYSTEM_FIELDS, type Table } from './schema.ts'
import { Storm } from './storm.ts'
import { NO_TROUBLE } from './wire.ts'
import { World } from './world.ts'

const STORM = { everyMs: 4_000, people: { min: 30, max: 60 } }

for (const seed of [1, 2, 3]) {
  test(`S1 both sides are equal within three cycles of the last edit, seed ${seed}`, async () => {
    using lab = new Lab({ seed })
    const storm = new Storm(lab, { ...STORM, upheavals: false })
    storm.populate()
    storm.begin()
    await lab.cycles(60)
    storm.end()
    await lab.cycles(SETTLED_CYCLES)
    assert.deepEqual(lab.records.differences(), [])
    assert.deepEqual(lab.records.strays(), [])
  })
}

for (const stamped of [true, false]) {
  test(`S2 no edit is lost untold, whatever happens to the writes, ${stamped ? 'with' : 'without'} stamps`, async () => {
    const options = {
      ...HARD_SYNC_WORLD,
      upheavals: false,
      stormHours: 8,
      storms: 2,
      everyMs: 10_000,
      stamped,
    }
    const { unlogged, edits, crashes, unknown } = await new World({ ...options, seed: 11 }).play()
    assert.deepEqual(unlogged, [])
    assert.ok(edits > 2_000 && crashes > 10 && unknown > 20)
  })
}

const CONTESTED: readonly [Table, string, string][] = [
  ['lead', 'Marketo', 'm9'],
  ['contact', 'Dynamics', 'd9'],
]
for (const [table, winner, won] of CONTESTED) {
  test(`S3 where both sides changed a field of a ${table}, ${winner} wins and the loser is told once`, async () => {
    using lab = new Lab({ seed: 1 })
    const { row, person } = await linkedPair(lab, table)
    lab.humans.editPerson(person.id, 'phone', 'm9')
    lab.humans.editRow(row, 'phone', 'd9')
    await lab.cycles(SETTLED_CYCLES)
    const told = lab.records.newConflicts().map(({ field, won, lost }) => ({ field, won, lost }))
    assert.deepEqual([person.fields.phone, columnOf(lab, row, 'telephone1')], [won, won])
    assert.deepEqual(told, [{ field: 'phone', won, lost: won === 'm9' ? 'd9' : 'm9' }])
  })
}

test('S3 the winner rule holds for every contested edit of a calm world', async () => {
  const calm = {
    ...HARD_SYNC_WORLD,
    trouble: NO_TROUBLE,
    crashAtVerb: 0,
    lateEntries: { share: 0, msMax: 0 },
  }
  const options = { ...calm, upheavals: false, stormHours: 8, storms: 2, everyMs: 10_000, stamped: true }
  const { wronged, conflicts } = await new World({ ...options, seed: 12 }).play()
  assert.deepEqual(wronged, [])
  assert.ok(conflicts > 100)
})

test('S4 an idle cycle writes nothing', async () => {
  using lab = new Lab({ seed: 4 })
  const storm = new Storm(lab, { ...STORM, upheavals: true })
  storm.populate()
  storm.begin()
  await lab.cycles(30)
  storm.end()
  await lab.cycles(10)
  const { writes } = lab
  await lab.cycles(30)
  assert.equal(lab.writes, writes)
})

test('S5 one edit is one write on the other side and none back', async () => {
  using lab = new Lab({ seed: 5 })
  const lead = await linkedPair(lab, 'lead', 'a1')
  const contact = await linkedPair(lab, 'contact', 'b1')
  let serial = 0
  for (const { row, person } of [lead, contact]) {
    for (const field of ['firstName', 'title', 'phone', 'notes']) {
      for (const side of ['marketo', 'dynamics'] as const) {
        const before = { marketo: lab.marketo.writes, dynamics: lab.dynamics.writes }
        serial += 1
        if (side === 'marketo') lab.humans.editPerson(person.id, field, `v${serial}`)
        else lab.humans.editRow(row, field, `v${serial}`)
        await lab.cycles(4)
        const made = {
          marketo: lab.marketo.writes - before.marketo,
          dynamics: lab.dynamics.writes - before.dynamics,
        }
        const [own, other] =
          side === 'marketo' ? [made.marketo, made.dynamics] : [made.dynamics, made.marketo]
        assert.deepEqual({ field, side, own, other }, { field, side, own: 0, other: 1 })
      }
    }
  }
})

test('S10 only selected fields that may be written are written', async () => {
  using lab = new Lab({ seed: 10, settings: { lifeIntervalMs: 0 } })
  const { row, person } = await linkedPair(lab, 'lead')
  const told = new Set<string>()
  const { marketo, dynamics } = lab
  const [ofMarketo, ofDynamics] = [marketo.watch.onWritten, dynamics.watch.onWritten]
  marketo.watch.onWritten = (id, field, value) => {
    told.add(`marketo ${field}`)
    ofMarketo(id, field, value)
  }
  dynamics.watch.onWritten = (ref, field, value) => {
    told.add(`dynamics ${field}`)
    ofDynamics(ref, field, value)
  }
  for (const { marketo: name, type, columnType } of FIELDS) {
    const value =
      type === 'boolean' ? true : type === 'score' ? 7 : columnType === 'Picklist' ? CHOICES[0] : `v-${name}`
    if (name !== 'email') lab.humans.editRow(row, name, value ?? null)
  }
  await lab.cycles(SETTLED_CYCLES)
  for (const { marketo: name, type, columnType } of FIELDS) {
    const value =
      type === 'boolean' ? false : type === 'score' ? 9 : columnType === 'Picklist' ? CHOICES[1] : `w-${name}`
    if (name !== 'email') lab.humans.editPerson(person.id, name, value ?? null)
  }
  await lab.cycles(SETTLED_CYCLES)
  const names = FIELDS.filter(({ marketo: name }) => name !== 'email')
  const expected = [
    ...names
      .filter(({ direction }) => direction !== 'to-dynamics')
      .map((field) => `marketo ${field.marketo}`),
    ...names
      .filter(({ direction }) => direction !== 'to-marketo')
      .map((field) => `dynamics ${field.marketo}`),
  ]
  assert.deepEqual([...told].filter((one) => !SYSTEM_FIELDS.includes(one)).sort(), expected.sort())
  assert.equal(columnOf(lab, row, 'new_tier'), 'v-tier')
})

test('S11 whatever the order inside the pages, the same is true in the end', async () => {
  const ends = new Set<string>()
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    using lab = new Lab({ seed })
    const pairs = [await linkedPair(lab, 'lead', 'a1'), await linkedPair(lab, 'contact', 'b1')]
    for (const [index, { row, person }] of pairs.entries()) {
      for (const value of ['x1', 'x2', 'x3']) {
        lab.humans.editPerson(person.id, 'title', `${value}${index}`)
        lab.humans.editRow(row, 'notes', `${value}${index}`)
      }
      lab.humans.editPerson(person.id, 'phone', `m${index}`)
      lab.humans.editRow(row, 'phone', `d${index}`)
    }
    await lab.cycles(SETTLED_CYCLES)
    const end = pairs.map(({ row, person }) => [person.fields, lab.dynamics.row(row.table, row.id).columns])
    ends.add(JSON.stringify(end, (key, value) => (key === STAMP ? undefined : value)))
  }
  assert.equal(ends.size, 1)
})

test('S12 a qualified lead hands its person to the contact, overwrites nothing, and Dynamics wins from then on', async () => {
  using lab = new Lab({ seed: 12 })
  const { row, person } = await linkedPair(lab, 'lead')
  lab.humans.editPerson(person.id, 'title', 'm1')
  const contact = lab.humans.qualify(row.id)
  const { dynamics } = lab
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual(
    [person.fields.microsoftType, person.fields.microsoftRecordId, person.fields.title, person.fields.phone],
    ['Contact', contact.id, 'm1', '1-a1'],
  )
  assert.equal(columnOf(lab, contact, 'jobtitle'), 'm1')
  assert.equal(lab.marketo.people.size, 1)
  const { writes } = dynamics
  lab.humans.editPerson(person.id, 'phone', 'm2')
  lab.humans.editRow(contact, 'phone', 'd2')
  await lab.cycles(SETTLED_CYCLES)
  assert.deepEqual([person.fields.phone, columnOf(lab, contact, 'telephone1')], ['d2', 'd2'])
  assert.equal(dynamics.writes, writes, 'the lost value never reached the contact')
})

test('S13 a full resync writes nothing where both sides agree', async () => {
  using lab = new Lab({ seed: 13 })
  const storm = new Storm(lab, { ...STORM, people: { min: 80, max: 120 }, upheavals: true })
  storm.populate()
  storm.begin()
  await lab.cycles(30)
  storm.end()
  await lab.cycles(10)
  const { writes } = lab
  lab.dynamics.expireTokens()
  lab.marketo.tokens.lose()
  lab.crash()
  await lab.cycles(5)
  assert.equal(lab.writes, writes)
  assert.deepEqual(lab.records.differences(), [])
})

test('S15 what is told to wait is not sent again before its time', async () => {
  using lab = new Lab({ seed: 15 })
  const { row, person } = await linkedPair(lab, 'lead')
  const sentAt: number[] = []
  lab.diesHere = (point) => {
    if (point !== 'before syncLeads.update') return false
    assert.ok(lab.scheduler.now() >= lab.toMarketo.unsentUntil, 'sent before its time')
    sentAt.push(lab.scheduler.now())
    return false
  }
  for (let round = 0; round < 20; round += 1) {
    lab.humans.editRow(row, 'phone', `d${round}`)
    lab.toMarketo.trouble = { ...NO_TROUBLE, busy: 0.7 }
    await lab.cycles(SETTLED_CYCLES)
    lab.toMarketo.trouble = NO_TROUBLE
    await lab.cycles(SETTLED_CYCLES)
    assert.equal(person.fields.phone, `d${round}`)
  }
  assert.ok(sentAt.length > 20)
})
