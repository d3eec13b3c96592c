import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FieldValue } from '../../src/person/person.ts'
import type { SyncSchema } from '../../src/person/sync-schema.ts'
import type { Replica } from '../../src/store/sync-port.ts'
import { decide } from '../../src/sync/decide/decide.ts'
import { column } from '../person/stock-tables.ts'

const NOW = 1_700_000_000_000
const CREATED = { intentId: 'r1', at: NOW - 60_000 }

/** One text field of a record that the flow action has just made. */
function decided(
  recordType: 'lead' | 'contact',
  sent: FieldValue | undefined,
  held: FieldValue,
  seen: FieldValue,
) {
  const notes = {
    marketo: 'notes',
    type: 'text' as const,
    direction: 'both' as const,
    inverted: false,
    isScore: false,
    column: column('description', 'Memo'),
  }
  const schema: SyncSchema = {
    fields: { lead: [notes], contact: [notes] },
    aside: { lead: [], contact: [] },
    drift: [],
    missing: [],
    hidden: [],
    selects: { lead: [], contact: [] },
    stamps: {},
    feedFields: ['notes'],
    readFields: ['notes'],
    hasScore: false,
  }
  const replica: Replica = {
    linkId: 1,
    state: 'linked',
    recordType,
    recordId: 'r',
    marketoId: 1,
    marketo: { notes: held },
    dynamics: { notes: seen },
    etag: 'W/"1"',
    marketoSeenAt: 0,
    sent: [],
    stopped: false,
    priority: 0,
    attempts: 0,
    epoch: 0,
    version: 1,
    intent: { ...CREATED, created: sent === undefined ? {} : { description: sent } },
  }
  const { toMarketo, toDynamics, plan } = decide(replica, schema, NOW)
  return {
    ...(Object.keys(toMarketo).length > 0 && { toMarketo: toMarketo.notes }),
    ...(Object.keys(toDynamics).length > 0 && { toDynamics: toDynamics.notes }),
    ...(plan.conflicts[0] && { lost: plan.conflicts[0].lost }),
  }
}

const ORIGINAL = 'first & second\nthird'
const FOLDED = 'first &amp; second third'

for (const recordType of ['lead', 'contact'] as const) {
  describe(`the first agreement of a ${recordType} that the flow action made`, () => {
    it('is what it sent: nothing travels', () => {
      assert.deepEqual(decided(recordType, 'a', 'a', 'a'), {})
    })

    it('is what Dynamics made of it: nothing travels', () => {
      assert.deepEqual(decided(recordType, 'Acme', 'Acme', 'ACME'), {})
    })

    it("takes Marketo's own value to Dynamics where a webhook folded and escaped it on the way", () => {
      assert.deepEqual(decided(recordType, FOLDED, ORIGINAL, FOLDED), { toDynamics: ORIGINAL })
    })

    it('takes an edit of sales to Marketo, which has what was sent', () => {
      assert.deepEqual(decided(recordType, 'a', 'a', 'sales'), { toMarketo: 'sales' })
    })

    it('takes an edit of sales to Marketo, also where a webhook had folded the value: nobody else edited it', () => {
      assert.deepEqual(decided(recordType, FOLDED, ORIGINAL, 'sales'), { toMarketo: 'sales' })
    })

    it('takes an edit in Marketo to Dynamics, which has what was sent', () => {
      assert.deepEqual(decided(recordType, 'a', 'marketing', 'a'), { toDynamics: 'marketing' })
    })

    it('is a conflict where both edited it since', () => {
      const expected =
        recordType === 'lead'
          ? { toDynamics: 'marketing', lost: 'sales' }
          : { toMarketo: 'sales', lost: 'marketing' }
      assert.deepEqual(decided(recordType, 'a', 'marketing', 'sales'), expected)
    })

    it('says nothing of a field that was left out, nor of one that is empty in Marketo', () => {
      assert.deepEqual(decided(recordType, undefined, 'a', null), { toDynamics: 'a' })
      assert.deepEqual(decided(recordType, 'default', null, 'default'), { toMarketo: 'default' })
    })
  })
}
