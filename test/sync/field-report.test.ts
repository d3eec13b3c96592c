import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { createMarketo } from '../../src/marketo/marketo.ts'
import { defaultSelection, parseSelection } from '../../src/person/selection.ts'
import { type FieldLine, reportFields } from '../../src/sync/field-report.ts'
import { setUpMarketo } from '../../src/sync/setup.ts'
import { listeningLog } from '../dataverse/rig.ts'
import { openRoom } from '../dataverse/room.ts'

/** Both vendors' rooms over the sandbox, Marketo set up for the default selection. */
async function openSides(t: TestContext) {
  const stack = new AsyncDisposableStack()
  t.after(() => stack.disposeAsync())
  const dataverse = stack.use(await openRoom())
  const { url, service } = dataverse.sandbox.marketo
  const marketo = stack.use(createMarketo({ url, ...service, clock: systemClock, log: listeningLog().log }))
  const call = { signal: AbortSignal.timeout(20_000) }
  const selection = defaultSelection()
  assert.equal(await setUpMarketo({ schema: marketo.schema, selection, say: () => {} }, call), true)
  const { metadata, sandbox } = dataverse
  return { sandbox, options: { selection, metadata, schema: marketo.schema }, call }
}

const lineOf = (lines: readonly FieldLine[], field: string) => lines.find((line) => line.field === field)

test('every selected field has its line, with both live sides beside each other', async (t) => {
  const { options, call } = await openSides(t)
  const report = await reportFields(options, call)
  assert.deepEqual([report.marketo, report.dynamics], [{ reached: true }, { reached: true }])
  const { lead, contact } = report.fields
  assert.deepEqual([lead.length, contact.length], [33, 26])
  assert.deepEqual(lineOf(lead, 'title'), {
    field: 'title',
    column: 'jobtitle',
    selected: 'both',
    direction: 'both',
    onInvalid: 'fail',
    state: 'ok',
    marketo: { type: 'string', length: 255, updateable: true },
    dynamics: { type: 'String', length: 100, required: false, updateable: true },
  })
  assert.equal(lineOf(lead, 'lastName')?.dynamics?.required, true)
  assert.deepEqual(
    [...lead, ...contact].filter(({ state }) => state !== 'ok').map(({ field, code }) => [field, code]),
    [],
  )
  assert.equal(lineOf(lead, 'subject')?.direction, 'on-create')
  assert.deepEqual(
    report.systemFields.map(({ field, state }) => [field, state]),
    [
      ['microsoftRecordId', 'ok'],
      ['microsoftType', 'ok'],
      ['microsoftIsDeleted', 'ok'],
    ],
  )
})

test('drift shows at once: what is gone is set aside, what loses a direction is narrowed', async (t) => {
  const { options, call, sandbox } = await openSides(t)
  await reportFields(options, call)
  sandbox.marketo.removeField('microsoftTopic')
  sandbox.marketo.removeField('microsoftType')
  const { selection } = parseSelection(
    JSON.stringify({ add: [{ marketo: 'personType', lead: 'new_missing', type: 'string' }] }),
  )
  assert(selection)
  const { fields, systemFields } = await reportFields({ ...options, selection }, call)
  const topic = lineOf(fields.lead, 'microsoftTopic')
  assert.deepEqual(
    [topic?.state, topic?.code, topic?.marketo],
    ['set-aside', 'marketo-field-missing', undefined],
  )
  assert.equal(topic?.dynamics?.type, 'String')
  const added = lineOf(fields.lead, 'personType')
  assert.deepEqual([added?.state, added?.code, added?.dynamics], ['set-aside', 'column-missing', undefined])
  assert.deepEqual([systemFields[1]?.state, systemFields[1]?.code], ['set-aside', 'marketo-field-missing'])
})

test('the words of a field are shown, and one that stands for nothing is said', async (t) => {
  const { options, call } = await openSides(t)
  const reportOf = async (rule: object) => {
    const { selection } = parseSelection(JSON.stringify({ rules: { leadSource: rule } }))
    assert(selection)
    const { fields } = await reportFields({ ...options, selection }, call)
    return lineOf(fields.lead, 'leadSource')
  }
  const line = await reportOf({ values: { Fair: 7, Net: 'Web' }, otherwise: 'omit' })
  const values = [
    { marketo: 'Fair', dynamics: 7 },
    { marketo: 'Net', dynamics: 'Web' },
  ]
  assert.deepEqual(
    [line?.state, line?.values, line?.otherwise, line?.onInvalid],
    ['ok', values, 'omit', 'omit'],
  )
  const unfit = await reportOf({ values: { Fair: 77 }, otherwise: 10, onInvalid: 'fail' })
  assert.deepEqual(
    [unfit?.state, unfit?.code, unfit?.direction, unfit?.otherwise, unfit?.onInvalid],
    ['narrowed', 'values-invalid', 'both', 10, 'fail'],
  )
  assert.match(String(unfit?.advice), /"Fair" stands for 77, which leadsourcecode does not take/)
  const twofold = await reportOf({ values: { Fair: 7, Expo: 'trade show' } })
  assert.deepEqual(
    [twofold?.state, twofold?.code, twofold?.direction],
    ['narrowed', 'pair-one-way', 'to-dynamics'],
  )
})

test('a date column that shows each user their own day is flagged, and still travels', async (t) => {
  const { options, call, sandbox } = await openSides(t)
  sandbox.marketo.addField({ name: 'followUp', dataType: 'date' })
  sandbox.marketo.addField({ name: 'seenAt', dataType: 'datetime' })
  const date = { type: 'DateTime', format: 'DateOnly' } as const
  sandbox.dataverse.changeColumn('lead', 'new_followup', { ...date, behavior: 'UserLocal' })
  sandbox.dataverse.changeColumn('contact', 'new_followup', { ...date, behavior: 'DateOnly' })
  sandbox.dataverse.changeColumn('lead', 'new_seenat', { ...date, behavior: 'UserLocal' })
  const { selection } = parseSelection(
    JSON.stringify({
      add: [
        { marketo: 'followUp', lead: 'new_followup', contact: 'new_followup', type: 'date' },
        { marketo: 'seenAt', lead: 'new_seenat', type: 'datetime' },
      ],
    }),
  )
  assert(selection)
  const { fields } = await reportFields({ ...options, selection }, call)
  const [flagged, plain, moment] = [
    lineOf(fields.lead, 'followUp'),
    lineOf(fields.contact, 'followUp'),
    lineOf(fields.lead, 'seenAt'),
  ]
  assert.deepEqual(
    [flagged, plain, moment].map((line) => [line?.state, line?.direction, line?.code]),
    [
      ['ok', 'both', 'date-user-local'],
      ['ok', 'both', undefined],
      ['ok', 'both', undefined],
    ],
  )
  assert.match(flagged?.advice ?? '', /new_followup.*User Local to Date Only/)
})

test('a side that cannot be asked hides only itself', async (t) => {
  const { options, call, sandbox } = await openSides(t)
  sandbox.marketo.bend({ path: /describe2/, how: { kind: 'error', code: '603', message: 'Access denied' } })
  const { marketo, dynamics, fields, systemFields } = await reportFields(options, call)
  assert.deepEqual([marketo.reached, dynamics.reached], [false, true])
  assert(!marketo.reached)
  assert.equal(marketo.code, 'marketo-access-denied')
  const title = lineOf(fields.lead, 'title')
  assert.deepEqual(
    [title?.state, title?.marketo, title?.dynamics?.type, title?.direction],
    ['unknown', undefined, 'String', undefined],
  )
  assert.equal(systemFields[0]?.state, 'unknown')
})

test('without Marketo the report says so and shows the tables', async (t) => {
  const { options, call } = await openSides(t)
  const { schema: _, ...withoutMarketo } = options
  const { marketo, fields } = await reportFields(withoutMarketo, call)
  assert(!marketo.reached)
  assert.equal(marketo.code, 'marketo-not-configured')
  assert.equal(lineOf(fields.contact, 'email')?.dynamics?.type, 'String')
})
