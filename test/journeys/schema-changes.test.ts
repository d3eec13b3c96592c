import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { leads, type Rig, startRig } from './rig.ts'

/** Somebody changes the tables in Dynamics between two people of a campaign. */

const MINUTE_MS = 61_000
const FIELDS_FILE = JSON.stringify({
  add: [
    { marketo: 'hobby', lead: 'new_hobby', contact: 'new_hobby', type: 'string' },
    { marketo: 'segment', lead: 'new_segment', type: 'string' },
  ],
})

let rig: Rig
let shiftMs = 0
beforeEach(async () => {
  shiftMs = 0
  const clock = { ...systemClock, now: () => systemClock.now() + shiftMs }
  rig = await startRig({ FIELDS_FILE }, {}, { clock }, async ({ dataverse }) => {
    for (const table of ['lead', 'contact'] as const)
      dataverse.changeColumn(table, 'new_hobby', { maxLength: 5 })
    dataverse.changeColumn('lead', 'new_segment', {
      type: 'Picklist',
      options: [
        { value: 1, label: 'Retail' },
        { value: 2, label: 'Public' },
      ],
    })
    return {}
  })
  assert.equal((await sync({})).status, 200)
})
afterEach(() => rig[Symbol.asyncDispose]())

let count = 0
function sync(fields: Record<string, unknown>, more: object = {}) {
  count += 1
  const person = { email: `changes-${count}@example.com`, lastName: 'Ek', microsoftTopic: 'x', ...fields }
  return rig.sync({ person, ...more })
}

/** How often the definition of leads was read. */
function readings(): number {
  return rig.log.filter((line) => line.includes('"request":"describe lead"')).length
}

function rereads(): Record<string, unknown>[] {
  return rig.log.filter((line) => line.includes('"table-reread"')).map((line) => JSON.parse(line))
}

function lastLead(): Record<string, unknown> {
  return { ...leads(rig).at(-1) }
}

const changes: readonly {
  what: string
  change: () => void
  hobby: string
  arrives: Record<string, unknown>
}[] = [
  {
    what: 'renamed',
    change: () => rig.sandbox.dataverse.renameColumn('lead', 'new_hobby', 'new_pastime'),
    hobby: 'Chess',
    arrives: { new_hobby: undefined },
  },
  {
    what: 'removed',
    change: () => rig.sandbox.dataverse.changeColumn('lead', 'new_hobby', { remove: true }),
    hobby: 'Chess',
    arrives: { new_hobby: undefined },
  },
  {
    what: 'made a number',
    change: () => rig.sandbox.dataverse.changeColumn('lead', 'new_hobby', { type: 'Integer' }),
    hobby: '42',
    arrives: { new_hobby: 42 },
  },
]
for (const zeroCodes of [false, true]) {
  for (const { what, change, hobby, arrives } of changes) {
    test(`a person is created although a column was just ${what}, where refusals are ${zeroCodes ? '0x0' : 'named'}`, async () => {
      rig.sandbox.dataverse.setKnobs({ zeroCodes })
      change()
      const { status, body } = await sync({ hobby })
      assert.deepEqual([status, body.outcome], [200, 'created'])
      const { new_hobby } = lastLead()
      assert.deepEqual({ new_hobby }, arrives)
      const [reread] = rereads()
      assert.equal(reread?.because, 'refusal')
      assert.match(String(reread?.changed), /new_hobby/)
      assert.equal(reread?.vendorCode, zeroCodes ? '0x0' : '0x80048d19')
      assert.ok(String(reread?.vendorRequestId).length > 0)
    })
  }
}

test('people who come together after a change share one reading of the table, and all are created', async () => {
  rig.sandbox.dataverse.changeColumn('lead', 'new_hobby', { remove: true })
  const before = readings()
  const answers = await Promise.all(Array.from({ length: 12 }, () => sync({ hobby: 'Chess' })))
  assert.deepEqual(new Set(answers.map(({ body }) => body.outcome)), new Set(['created']))
  assert.equal(readings() - before, 1)
})

test('people of a batch campaign, who share their calls, are decided again as well', async () => {
  rig.sandbox.dataverse.changeColumn('lead', 'new_hobby', { remove: true })
  const queued = await Promise.all(
    Array.from({ length: 5 }, () => sync({ hobby: 'Chess' }, { campaign: { id: 1, type: 'batch' } })),
  )
  for (const { body } of queued) assert.equal((await rig.outcomeOf(body.requestId)).outcome, 'created')
})

test('a choice that was just removed is refused in words that name it, and one that was added is taken', async () => {
  rig.sandbox.dataverse.changeOption('lead', 'new_segment', 2, undefined)
  const gone = await sync({ segment: 'Public' })
  assert.deepEqual([gone.status, gone.body.code, gone.body.field], [422, 'option-unknown', 'new_segment'])

  assert.equal((await sync({ segment: 'Export' })).body.code, 'option-unknown')
  rig.sandbox.dataverse.changeOption('lead', 'new_segment', 3, 'Export')
  shiftMs += MINUTE_MS
  assert.equal((await sync({ segment: 'Export' })).status, 200)
  assert.equal(lastLead().new_segment, 3)
})

test('a column that was enlarged takes the person whom it refused, within a minute', async () => {
  const long = { hobby: 'Orienteering' }
  assert.equal((await sync(long)).body.code, 'field-too-long')
  rig.sandbox.dataverse.changeColumn('lead', 'new_hobby', { maxLength: 50 })
  const before = readings()
  assert.equal((await sync(long)).body.code, 'field-too-long')
  assert.equal(readings(), before, 'the table was read less than a minute ago')
  shiftMs += MINUTE_MS
  assert.equal((await sync(long)).status, 200)
  assert.equal(lastLead().new_hobby, 'Orienteering')
})

test('a column that was shortened is refused with its name by the check that knows it now', async () => {
  rig.sandbox.dataverse.changeColumn('lead', 'new_hobby', { maxLength: 3 })
  const { status, body } = await sync({ hobby: 'Chess' })
  assert.deepEqual([status, body.code, body.field], [422, 'field-too-long', 'new_hobby'])
  assert.match(String(body.advice), /at most 3 characters/)
})

test('a column that was missing and is added takes its value within a minute', async () => {
  rig.sandbox.dataverse.changeColumn('lead', 'new_hobby', { remove: true })
  assert.equal((await sync({ hobby: 'Chess' })).status, 200)
  rig.sandbox.dataverse.changeColumn('lead', 'new_hobby', { type: 'String' })
  shiftMs += MINUTE_MS
  assert.equal((await sync({ hobby: 'Chess' })).status, 200)
  assert.equal(lastLead().new_hobby, 'Chess')
})

test('a refusal that a fresh look at the table does not explain stands, and the table is not asked for at each', async () => {
  const before = readings()
  for (let people = 0; people < 3; people += 1) {
    rig.sandbox.dataverse.bend({
      operation: 'create',
      how: {
        kind: 'error',
        status: 400,
        code: '0x0',
        message: "Could not find a property named 'lastname' on type 'Microsoft.Dynamics.CRM.lead'.",
      },
    })
    const { status, body } = await sync({})
    assert.deepEqual([status, body.code, body.field], [422, 'mapping-invalid', 'lastname'])
  }
  assert.equal(readings() - before, 1)
  assert.deepEqual(
    rereads().map(({ changed }) => changed),
    ['nothing'],
  )
})

describe('an organisation without Sales, whose contacts have no originatingleadid', () => {
  for (const knobs of [{ zeroCodes: false }, { zeroCodes: true }]) {
    test(`finds contacts by e-mail where refusals are ${knobs.zeroCodes ? '0x0' : 'named'}`, async () => {
      const { dataverse } = rig.sandbox
      dataverse.setKnobs(knobs)
      dataverse.changeColumn('contact', 'originatingleadid', { remove: true })
      const id = dataverse.seed('contact', { lastname: 'Ek', emailaddress1: 'known@example.com' })
      const { body } = await rig.sync({ email: 'known@example.com', lastName: 'Ek' })
      assert.deepEqual([body.outcome, body.recordId], ['exists', id])
    })
  }
})

test('without the table of leads people wait, and the log says why', async () => {
  const { dataverse } = rig.sandbox
  dataverse.bend({
    operation: 'batch',
    how: {
      kind: 'fail-part',
      at: 0,
      status: 404,
      code: '0x8006088a',
      message: "Resource not found for the segment 'leads'.",
    },
  })
  const { body } = await sync({})
  assert.equal(body.outcome, 'queued')
  assert.ok(rig.log.some((line) => line.includes('attempt-unfinished') && line.includes('table-missing')))
  assert.equal((await rig.outcomeOf(body.requestId)).outcome, 'created')
})
