import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultSelection } from '../../src/person/selection.ts'
import type { Replica } from '../../src/store/sync-port.ts'
import { inherit } from '../../src/sync/see-rows.ts'
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
