import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultSelection } from '../../src/person/selection.ts'
import type { Replica } from '../../src/store/sync-port.ts'
import { inherit, seeRow } from '../../src/sync/intake/see-rows.ts'
import { schemaOf } from '../person/live-schemas.ts'

const LEAD: Replica = {
  linkId: 1,
  state: 'linked',
  recordType: 'lead',
  recordId: 'lead-id',
  marketoId: 1,
  marketo: { phone: '1', firstName: 'a' },
  dynamics: { phone: '1', firstName: 'a' },
  shadow: { phone: '1', firstName: 'a' },
  etag: 'W/"1"',
  marketoSeenAt: 0,
  sent: [],
  stopped: false,
  priority: 0,
  attempts: 0,
  epoch: 7,
  version: 1,
}
const context = { now: 1, schema: schemaOf(defaultSelection()) }

/** The link after its lead was qualified into this contact. */
function handedOver(columns: Record<string, string | null>) {
  const row = {
    id: 'contact-id',
    etag: 'W/"2"',
    columns: { _originatingleadid_value: 'lead-id', ...columns },
  }
  return inherit(LEAD, { recordType: 'contact', recordId: 'contact-id' }, row, context)
}

test('the person of a link that passes to another record is read, and no full read has shown that record', () => {
  const { marketo, epoch, dueAt } = handedOver({ telephone1: '1', firstname: 'a' })
  assert.deepEqual([marketo, epoch, dueAt], [undefined, 0, 1])
})

test('of what was agreed on with a lead, the contact that was made of it keeps what it still holds', () => {
  assert.deepEqual(handedOver({ telephone1: '1', firstname: 'older' }).shadow, { phone: '1' })
  assert.deepEqual(handedOver({ telephone1: '1', firstname: null }).shadow, { phone: '1' })
})

test('S17 what Dynamics made of a value that was proven to land is remembered while its column cannot be read', () => {
  const forms = [{ field: 'phone', of: 'x', dynamics: 'X' }]
  const intent = { intentId: 'i', at: 0, toDynamics: { phone: 'x' } }
  const sent: Replica = { ...LEAD, shadow: { phone: 'x', firstName: 'a' }, forms, intent }
  const row = { id: 'lead-id', etag: 'W/"2"', columns: { firstname: 'a', new_stamp: 'i' } }
  const schema = { ...context.schema, stamps: { lead: 'new_stamp' } }
  const seen = seeRow(sent, row, { now: 1, epoch: 8, priority: 0, schema, ownerOf: () => undefined })
  assert.deepEqual([seen.dynamics?.phone, seen.shadow?.phone, seen.forms], [undefined, 'x', forms])
})
