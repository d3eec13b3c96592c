import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startFieldsRig } from './own-fields.ts'
import type { Json, Pair, SyncRig } from './sync-rig.ts'

/** Values of every sort, there and back. */

let rig: SyncRig
before(async () => {
  rig = await startFieldsRig()
})
after(() => rig[Symbol.asyncDispose]())

let count = 0
function lead(columns: Json = {}): Promise<Pair> {
  count += 1
  const emailaddress1 = `field-${count}@example.com`
  return rig.pair('lead', { lastname: 'Ek', subject: 'Fair', emailaddress1, ...columns })
}

interface ThereAndBack {
  what: string
  field: string
  column: string
  /** Said in Marketo, and what the column holds then. */
  out: readonly [unknown, unknown]
  /** Said in Dynamics, and what the field holds then. */
  back: readonly [unknown, unknown]
}

const MEMO = 'One line.\nAnother, with åäö and 🙂.'
const sorts: readonly ThereAndBack[] = [
  {
    what: 'a choice, by its label',
    field: 'segment',
    column: 'new_segment',
    out: ['retail', 1],
    back: [2, 'Public sector'],
  },
  {
    what: 'a choice, by its number',
    field: 'segmentCode',
    column: 'new_segmentcode',
    out: [2, 2],
    back: [1, 1],
  },
  {
    what: 'a list of choices, by labels or numbers in any order',
    field: 'interests',
    column: 'new_interests',
    out: ['2; retail', '1,2'],
    back: ['2', 'Public sector'],
  },
  {
    what: "a choice by the customer's own words",
    field: 'channel',
    column: 'new_channel',
    out: [' TRADE SHOW', 1],
    back: [2, 'Web'],
  },
  {
    what: "a yes/no by the customer's own words",
    field: 'newsletter',
    column: 'new_newsletter',
    out: ['yes please', true],
    back: [false, 'No thanks'],
  },
  {
    what: 'a yes/no of the same sense',
    field: 'wantsNews',
    column: 'new_wantsnews',
    out: [true, true],
    back: [false, false],
  },
  {
    what: 'a yes/no of the opposite sense',
    field: 'agreesToCalls',
    column: 'new_refusescalls',
    out: [true, false],
    back: [true, false],
  },
  { what: 'a whole number', field: 'staff', column: 'numberofemployees', out: [120, 120], back: [0, 0] },
  { what: 'a number', field: 'factor', column: 'new_factor', out: [1.25, 1.25], back: [-0.5, -0.5] },
  { what: 'money', field: 'budget', column: 'new_budget', out: [1200.5, 1200.5], back: [99.99, 99.99] },
  {
    what: 'a date',
    field: 'founded',
    column: 'new_founded',
    out: ['2001-02-03', '2001-02-03'],
    back: ['1999-12-31', '1999-12-31'],
  },
  {
    what: 'a date with time and zone',
    field: 'seenAt',
    column: 'new_seenat',
    out: ['2026-03-04T05:06:07+02:00', '2026-03-04T03:06:07Z'],
    back: ['2025-01-01T00:00:00Z', '2025-01-01T00:00:00Z'],
  },
  {
    what: 'a long text',
    field: 'mktoPersonNotes',
    column: 'description',
    out: [MEMO, MEMO],
    back: ['Short.', 'Short.'],
  },
  {
    what: 'a web address',
    field: 'homepage',
    column: 'websiteurl',
    out: ['https://example.com/a?b=1', 'https://example.com/a?b=1'],
    back: ['http://example.com', 'http://example.com'],
  },
  {
    what: 'a telephone number',
    field: 'phone',
    column: 'telephone1',
    out: ['+46 (0)8-1', '+46 (0)8-1'],
    back: ['008', '008'],
  },
]

for (const { what, field, column, out, back } of sorts) {
  test(`${what} arrives in Dynamics, comes back changed, and is written no more than that`, async () => {
    const pair = await lead()
    rig.marketo.update(pair.marketoId, { [field]: out[0] })
    const writes = await rig.writesDuring(async () => {
      await rig.cycle()
      assert.equal(pair.lead()[column], out[1])
      rig.dataverse.update('lead', pair.id, { [column]: back[0] })
      await rig.cycle()
      await rig.cycle()
    })
    assert.equal(pair.person()[field], back[1])
    assert.deepEqual([writes.toDynamics.length, writes.toMarketo], [1, [field]])
    assert.deepEqual(await rig.failuresOf(pair.id), [])
    assert.deepEqual(await rig.conflictsOf(pair.id), [])
  })
}

test('the order of a list of choices and the case of a word are no change on either side', async () => {
  const pair = await lead({ new_interests: '1,2', new_channel: 1 })
  assert.deepEqual([pair.person().interests, pair.person().channel], ['Retail;Public sector', 'Trade Show'])
  const writes = await rig.writesDuring(async () => {
    rig.marketo.update(pair.marketoId, { interests: 'public sector; Retail', channel: 'trade show' })
    await rig.cycle()
    rig.dataverse.update('lead', pair.id, { new_interests: '2,1' })
    await rig.cycle()
    await rig.cycle()
  })
  assert.deepEqual([writes.toDynamics, writes.toMarketo], [[], []])
})

test('a word that stands for nothing stays in Marketo, is a failure until it does, and keeps the record', async () => {
  const pair = await lead({ new_channel: 1 })
  rig.marketo.update(pair.marketoId, { channel: 'Radio', city: 'Lund' })
  await rig.cycle()
  await rig.cycle()
  assert.deepEqual([pair.lead().new_channel, pair.lead().address1_city], [1, 'Lund'])
  assert.equal(pair.person().channel, 'Radio')
  const [failure] = await rig.failuresOf(pair.id)
  assert.deepEqual(
    [failure?.code, failure?.field, failure?.side],
    ['value-unmapped', 'new_channel', 'dynamics'],
  )
  rig.marketo.update(pair.marketoId, { channel: 'Web' })
  await rig.cycle()
  await rig.cycle()
  assert.deepEqual([pair.lead().new_channel, await rig.failuresOf(pair.id)], [2, []])
})

test("a look-up travels as the other row's id, and an id that names nobody is a failure of that field", async () => {
  const pair = await lead()
  const { account } = rig.dataverse.ids
  rig.marketo.update(pair.marketoId, { accountRecord: account })
  await rig.cycle()
  assert.equal(pair.lead()._parentaccountid_value, account)
  rig.dataverse.update('lead', pair.id, { parentaccountid: null })
  await rig.cycle()
  assert.equal(pair.person().accountRecord, undefined)

  rig.marketo.update(pair.marketoId, { accountRecord: '00000000-0000-4000-8000-000000000000', city: 'Lund' })
  await rig.cycle()
  await rig.cycle()
  const [failure] = await rig.failuresOf(pair.id)
  assert.deepEqual([failure?.code, failure?.field], ['lookup-not-found', 'parentaccountid'])
  assert.equal(pair.lead().address1_city, 'Lund')
})
