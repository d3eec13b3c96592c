import assert from 'node:assert/strict'
import { test } from 'node:test'
import { restAnswer, webhookAnswer } from '../../src/flow-action/answer.ts'
import type { Outcome } from '../../src/store/port.ts'

const ORGANISATION = 'https://contoso.crm4.dynamics.com'
const REQUEST_ID = '2f4a9a0e-8a6f-4a55-9b7c-6a1c7b0f3e21'
const warnings = Array.from({ length: 20 }, (_, index) => ({
  field: `new_field_${index}`,
  code: 'option-unknown',
  advice: 'Use a choice of the column, by label or number, or add it in Dynamics.',
}))

test('a webhook answer with many warnings stays under 1 KB and keeps the first ones whole', () => {
  const outcome: Outcome = { outcome: 'created', recordType: 'lead', recordId: REQUEST_ID, warnings }
  const { body } = webhookAnswer(ORGANISATION, REQUEST_ID, outcome)
  assert.ok(Buffer.byteLength(body) < 1_024, `${Buffer.byteLength(body)} bytes`)
  const { warnings: kept, ...rest } = JSON.parse(body)
  assert.ok(kept.length > 2 && kept.length < warnings.length)
  assert.deepEqual(kept, warnings.slice(0, kept.length))
  assert.equal(rest.requestId, REQUEST_ID)
  assert.deepEqual(JSON.parse(restAnswer(ORGANISATION, REQUEST_ID, outcome).body).warnings, warnings)
})

test('a vendor message of many bytes never makes a webhook answer longer than 1 KB', () => {
  const vendorMessage = '漢'.repeat(500)
  const outcome: Outcome = {
    outcome: 'failed',
    code: 'business-rule',
    advice: 'A'.repeat(600),
    vendorMessage,
  }
  const answer = webhookAnswer(ORGANISATION, REQUEST_ID, outcome)
  assert.ok(Buffer.byteLength(answer.body) < 1_024, `${Buffer.byteLength(answer.body)} bytes`)
  assert.equal(JSON.parse(answer.body).code, 'business-rule')
  assert.equal(JSON.parse(restAnswer(ORGANISATION, REQUEST_ID, outcome).body).vendorMessage, vendorMessage)
})
