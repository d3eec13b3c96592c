import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CallbackBody, cut } from '../../src/flow-step/callback-body.ts'
import type { Outcome } from '../../src/store/port.ts'

const RECORD = { recordType: 'lead', recordId: '6f1c0d5e-0c1f-5c43-9d0a-3b8c5f1b2a10' } as const
const WRITTEN = { microsoftRecordId: RECORD.recordId, microsoftType: 'Lead' }

function itemFor(outcome: Outcome | undefined) {
  const body = new CallbackBody('123-ABC-456')
  body.add([{ position: 0, marketoId: 7, ...(outcome && { outcome }) }])
  const { munchkinId, objectData } = JSON.parse(body.parts.join(''))
  assert.equal(munchkinId, '123-ABC-456')
  return objectData[0]
}

const cases: [what: string, outcome: Outcome | undefined, leadData: object, activityData: object][] = [
  [
    'a record that was made',
    { outcome: 'created', ...RECORD },
    WRITTEN,
    { success: true, outcome: 'created', ...RECORD },
  ],
  [
    'a record that was there',
    { outcome: 'exists', ...RECORD },
    WRITTEN,
    { success: true, outcome: 'exists', ...RECORD },
  ],
  [
    'several records',
    { outcome: 'exists', code: 'ambiguous-match', advice: 'Merge.' },
    {},
    { success: true, outcome: 'exists', code: 'ambiguous-match', advice: 'Merge.' },
  ],
  [
    'a refusal, with the column at fault',
    { outcome: 'failed', code: 'field-required', field: 'lastname', advice: 'Fill it.', vendorCode: '0x1' },
    {},
    {
      success: false,
      reason: 'lastname: Fill it.',
      errorCode: 'field-required',
      outcome: 'failed',
      code: 'field-required',
      advice: 'lastname: Fill it.',
    },
  ],
]

for (const [what, outcome, leadData, activityData] of cases) {
  test(`the callback says ${what}`, () => {
    assert.deepEqual(itemFor(outcome), { leadData: { id: 7, ...leadData }, activityData })
  })
}

test('who is not final is queued, which is no failure', () => {
  const { activityData } = itemFor(undefined)
  const { advice, ...rest } = activityData
  assert.deepEqual(rest, { success: true, outcome: 'queued', code: 'in-progress' })
  assert.match(advice, /the person is stored/)
})

test('who is not final says why, how often it was tried, and when it is tried next', () => {
  const waiting = {
    code: 'entra-secret-expired',
    advice: 'Make a new secret.',
    attempts: 2,
    nextAttemptAt: 0,
  }
  const body = new CallbackBody('m')
  body.add([{ position: 0, marketoId: 7, requestId: 'r', waiting }])
  const [item] = (JSON.parse(body.parts.join('')) as { objectData: { activityData: object }[] }).objectData
  assert.deepEqual(item?.activityData, {
    success: true,
    outcome: 'queued',
    code: 'entra-secret-expired',
    advice: 'Make a new secret. Attempts so far: 2. Next attempt: 1970-01-01T00:00:00.000Z.',
  })
})

test('people are counted by outcome', () => {
  const body = new CallbackBody('m')
  for (const outcome of ['created', 'created', 'exists', 'failed', undefined] as const) {
    body.add([{ position: 0, marketoId: 1, ...(outcome && { outcome: { outcome } }) }])
  }
  assert.deepEqual(body.counts, { created: 2, exists: 1, queued: 1, failed: 1 })
})

test('the parts of the callback together are one text, however many people each page has', () => {
  for (const pages of [[], [0], [3], [2, 0, 1], [1, 1, 1]]) {
    const body = new CallbackBody('m')
    const ids = pages.map((people, page) =>
      Array.from({ length: people }, (_, index) => 10 * page + index + 1),
    )
    for (const page of ids) body.add(page.map((marketoId) => ({ position: 0, marketoId })))
    const { objectData } = JSON.parse(body.parts.join(''))
    assert.deepEqual(
      objectData.map(({ leadData }: { leadData: { id: number } }) => leadData.id),
      ids.flat(),
    )
  }
})

test("long values are cut to Marketo's limits", () => {
  const { activityData } = itemFor({ outcome: 'failed', code: 'c'.repeat(300), advice: 'ä'.repeat(2_000) })
  const bytes = (text: string) => Buffer.byteLength(text)
  const { reason, errorCode, code, advice } = activityData
  assert.deepEqual([reason, errorCode, code, advice].map(bytes), [254, 255, 255, 2_000])
})

test('a cut text is a whole beginning of the text, as long as fits', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 4, max: 40 }), (text, bytesMax) => {
      const kept = cut(text, bytesMax)
      assert(text.startsWith(kept))
      assert(kept.isWellFormed())
      assert(Buffer.byteLength(kept) <= bytesMax)
      const [next = ''] = text.slice(kept.length)
      const character = String.fromCodePoint(text.codePointAt(kept.length) ?? 0)
      assert(next === '' || Buffer.byteLength(kept) + Buffer.byteLength(character) > bytesMax)
    }),
  )
})
