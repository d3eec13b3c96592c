import assert from 'node:assert/strict'
import { test } from 'node:test'
import { INTERVAL_MS, Lab, type Replica } from './lab.ts'
import { columnOf, linkedPair, SETTLED_CYCLES } from './pairs.ts'
import { HARD_SYNC_WORLD } from './play.ts'
import { NO_TROUBLE } from './wire.ts'
import { World } from './world.ts'

/** Several processes, one store: whoever leads works, and whoever has slept past its lease does nothing any more. */

const LEASE_MS = 15_000
const TAKEOVER_MS_MAX = 30_000
/** Longer than a write to Marketo may still be carried out after it was sent. */
const SETTLE_MS = 100_000

async function leaderOf(lab: Lab): Promise<Replica> {
  const leader = await lab.leader()
  assert.ok(leader, 'somebody leads')
  return leader
}

async function takeover(lab: Lab, before: Replica): Promise<number> {
  const from = lab.scheduler.now()
  for (;;) {
    await lab.wait(1_000)
    const leader = await lab.leader()
    if (leader && leader.name !== before.name) return lab.scheduler.now() - from
    assert.ok(lab.scheduler.now() - from < 10 * TAKEOVER_MS_MAX, 'nobody takes over')
  }
}

test('when the leader dies, stops or is told to end, another one leads within 30 s, and at once in the last case', async () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    for (const [end, untilMs] of [
      [(lab: Lab, one: Replica) => lab.crashReplica(one), TAKEOVER_MS_MAX],
      [(lab: Lab, one: Replica) => (one.asleepUntil = lab.scheduler.now() + INTERVAL_MS), TAKEOVER_MS_MAX],
      [(_: Lab, one: Replica) => one.stop(), 6_000],
    ] as const) {
      using lab = new Lab({ seed, replicas: 3 })
      await lab.cycles(2)
      const leader = await leaderOf(lab)
      end(lab, leader)
      assert.ok((await takeover(lab, leader)) <= untilMs)
      assert.deepEqual(lab.faults, [])
    }
  }
})

/** The leader is stopped at each place of a cycle in turn; what another replica writes meanwhile, it does not undo. */
test('S2 S5 S6 S9 wherever the leader is stopped past its lease, it writes and sends nothing when it wakes up', async () => {
  for (let place = 1; ; place += 1) {
    using lab = new Lab({ seed: 6, replicas: 2 })
    const lead = await linkedPair(lab, 'lead', 'a1')
    const contact = await linkedPair(lab, 'contact', 'b1')
    lab.humans.editPerson(lead.person.id, 'title', 't1')
    lab.humans.editRow(contact.row, 'title', 't2')
    lab.humans.editPerson(contact.person.id, 'phone', 'm3')
    lab.humans.row('lead', { lastName: 'L-c1', email: 'c1@sim.example' })
    let passed = 0
    let where = ''
    lab.sleepsHere = (point) => {
      if (point.includes('leases.')) return 0
      passed += 1
      if (passed === place) where = point
      return passed === place ? LEASE_MS + 2 * SETTLE_MS : 0
    }
    await lab.cycles(1)
    if (where === '') {
      assert.ok(place > 40, `the cycle has ${place} places to stop at`)
      break
    }
    await lab.wait(TAKEOVER_MS_MAX + SETTLE_MS)
    lab.humans.editPerson(lead.person.id, 'title', 't4')
    lab.humans.editRow(contact.row, 'title', 't5')
    await lab.cycles(SETTLED_CYCLES + 3)
    const left = [...lab.records.differences(), ...lab.records.strays()]
    const titles = [columnOf(lab, lead.row, 'jobtitle'), contact.person.fields.title]
    assert.deepEqual({ where, left, titles }, { where, left: [], titles: ['t4', 't5'] })
    assert.deepEqual([lab.naps, lab.marketo.people.size, lab.faults, lab.errors], [1, 3, [], []])
  }
})

test('a leader that hears of its renewal too late counts from when it asked', async () => {
  for (let place = 1; place <= 20; place += 1) {
    using lab = new Lab({ seed: 6, replicas: 2 })
    const { row, person } = await linkedPair(lab, 'lead')
    const leader = await leaderOf(lab)
    lab.humans.editPerson(person.id, 'title', 't1')
    lab.humans.editRow(row, 'phone', 'd1')
    let passed = 0
    lab.sleepsHere = (point, owner) => {
      if (owner !== leader || point !== 'after leases.renew') return 0
      passed += 1
      return passed === place ? LEASE_MS + SETTLE_MS : 0
    }
    await lab.cycles(SETTLED_CYCLES + 3)
    assert.deepEqual([lab.naps, lab.records.differences(), lab.faults], [1, [], []])
  }
})

test('a record may be read, and not yet written, by two leaders: the second waits out what the first may have sent', async () => {
  using lab = new Lab({ seed: 9, replicas: 2 })
  const { row, person } = await linkedPair(lab, 'lead')
  lab.toMarketo.trouble = { ...NO_TROUBLE, late: 1, lateMsMax: 90_000 }
  lab.humans.editRow(row, 'phone', 'd1')
  const sentAt = sends(lab)
  for (let seconds = 0; sentAt.length === 0; seconds += 1) {
    assert.ok(seconds < 120)
    await lab.wait(1_000)
  }
  lab.toMarketo.trouble = NO_TROUBLE
  lab.crashReplica(await leaderOf(lab))
  lab.humans.editRow(row, 'phone', 'd2')
  await lab.cycles(SETTLED_CYCLES + 3)
  const [first = 0, second = 0] = sentAt
  assert.ok(second - first > SETTLE_MS, `${second - first} ms`)
  assert.deepEqual([person.fields.phone, lab.records.differences(), lab.faults], ['d2', [], []])
})

for (const table of ['lead', 'contact'] as const) {
  test(`the call for a ${table} that a leader still sends when it wakes up, long after, does not last`, async () => {
    using lab = new Lab({ seed: 9, replicas: 2 })
    const { row, person } = await linkedPair(lab, table)
    lab.humans.editRow(row, 'phone', 'd1')
    lab.sleepsHere = (point) => {
      if (point !== 'before syncLeads.update') return 0
      lab.sleepsHere = () => 0
      return 20 * SETTLE_MS
    }
    await lab.cycles(2)
    assert.equal(lab.naps, 1)
    lab.humans.editRow(row, 'phone', 'd2')
    await lab.cycles(SETTLED_CYCLES + 2)
    assert.equal(person.fields.phone, 'd2')
    lab.marketo.update(person.id, { phone: 'd1' })
    await lab.cycles(SETTLED_CYCLES + 1)
    assert.deepEqual([person.fields.phone, columnOf(lab, row, 'telephone1')], ['d2', 'd2'])
    assert.deepEqual([lab.records.differences(), lab.faults], [[], []])
  })
}

/** Epoch ms of each write to Marketo. */
function sends(lab: Lab): number[] {
  const sentAt: number[] = []
  lab.diesHere = (point) => {
    if (point === 'before syncLeads.update') sentAt.push(lab.scheduler.now())
    return false
  }
  return sentAt
}

test('every replica tells the same, and obeys, whichever of them is asked', async () => {
  using lab = new Lab({ seed: 4, replicas: 3 })
  const { row, person } = await linkedPair(lab, 'lead')
  const leader = await leaderOf(lab)
  const others = lab.replicas.filter((one) => one !== leader)
  const [standby] = others
  assert.ok(standby)
  const asked = [leader, ...others].map(({ control }) => control.status())
  const [status, ...told] = await during(lab, Promise.all(asked))
  assert.deepEqual(told, [status, status])
  assert.deepEqual(
    [status?.leader?.replica, status?.lastCycle?.result, status?.initialSync.state],
    [leader.name, 'done', 'done'],
  )
  assert.deepEqual(status?.totals.toMarketo.lead.new, 1)

  await during(lab, standby.control.pause())
  lab.humans.editRow(row, 'phone', 'd1')
  await lab.cycles(2)
  const { writes } = lab
  const call = { signal: new AbortController().signal }
  const preview = await during(lab, standby.control.preview(9, call))
  assert.deepEqual(
    preview.items.map(({ way, action, marketoId, fields }) => [way, action, marketoId, fields]),
    [['toMarketo', 'update', person.id, ['phone']]],
  )
  assert.deepEqual([lab.writes, lab.faults], [writes, []])
  await during(lab, standby.control.resume())
  await lab.wait(15_000)
  assert.equal(person.fields.phone, 'd1')
  assert.equal(await lab.leader(), leader)
})

/** The world goes on while somebody waits for an answer. */
async function during<T>(lab: Lab, answer: Promise<T>): Promise<T> {
  await lab.wait(10_000)
  return answer
}

test('between two leaders the last word of the first one stands', async () => {
  using lab = new Lab({ seed: 5, replicas: 2 })
  await lab.cycles(3)
  const leader = await leaderOf(lab)
  const { leader: told, lastCycle } = await during(lab, leader.control.status())
  assert.equal(told?.replica, leader.name)
  leader.asleepUntil = lab.scheduler.now() + 10 * INTERVAL_MS
  const standby = lab.replicas.find((one) => one !== leader)
  assert.ok(standby && lastCycle)
  for (let waits = 0; await lab.leader(); waits += 1) {
    assert.ok(waits < 200)
    await lab.wait(100)
  }
  const between = await during(lab, standby.control.status())
  assert.deepEqual([between.leader, between.lastCycle], [undefined, lastCycle])
})

for (const seed of [21, 22]) {
  test(`a hard world with three replicas that die and sleep keeps every invariant, seed ${seed}`, async (t) => {
    const world = { ...HARD_SYNC_WORLD, stormHours: 6, storms: 2, replicas: 3, napAtVerb: 0.002 }
    const result = await new World({ ...world, seed, stamped: seed % 2 === 1 }).play()
    const { unlogged, broken, edits, crashes, naps, wronged } = result
    t.diagnostic(JSON.stringify({ edits, crashes, naps, wronged: wronged.length }))
    assert.deepEqual([broken, unlogged], [[], []])
    assert.ok(edits > 2_000 && crashes > 20 && naps > 40)
  })
}
