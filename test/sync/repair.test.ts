import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FieldValue } from '../../src/person/person.ts'
import { plan } from '../../src/sync/decide/plan.ts'
import { repairOf } from '../../src/sync/decide/repair.ts'
import { only, planned } from './planned.ts'

describe('a write of ours that replaced an edit in Marketo that nobody had seen', () => {
  it('is kept for a contact, and the edit is told as lost', () => {
    for (const shadow of [undefined, 'old', 'ours']) {
      assert.deepEqual(repairOf({ recordType: 'contact', shadow, sent: 'ours', replaced: 'edit' }), {
        kind: 'keep',
        conflict: { winner: 'dynamics', won: 'ours', lost: 'edit' },
      })
    }
  })

  it('gives way to the edit for a lead', () => {
    const repair = repairOf({ recordType: 'lead', shadow: 'ours', sent: 'ours', replaced: 'edit' })
    assert.deepEqual(repair, { kind: 'restore' })
  })

  it('is undone for either when the replaced value was agreed on since: an older write of ours came late', () => {
    for (const recordType of ['lead', 'contact'] as const) {
      const repair = repairOf({ recordType, shadow: 'agreed', sent: 'ours', replaced: 'agreed' })
      assert.deepEqual(repair, { kind: 'restore' })
    }
  })

  it('is no matter when it replaced its like', () => {
    for (const recordType of ['lead', 'contact'] as const) {
      const repair = repairOf({ recordType, shadow: 'old', sent: 'ours', replaced: 'ours' })
      assert.deepEqual(repair, { kind: 'keep' })
    }
  })

  it('is told once, by the plan that writes it back, whether or not ours was agreed on by then', () => {
    const cases: [shadow: FieldValue, lost: FieldValue[]][] = [
      ['ours', ['ours']],
      ['old', ['ours']],
    ]
    for (const [shadow, lost] of cases) {
      const repair = repairOf({ recordType: 'lead', shadow, sent: 'ours', replaced: 'edit' })
      const made = plan({
        recordType: 'lead',
        fields: [planned('m')],
        shadow: only(shadow),
        marketo: only('ours'),
        dynamics: only('ours'),
        restore: only('edit'),
      })
      assert.equal(repair.kind, 'restore')
      assert.deepEqual([made.toMarketo, made.toDynamics], [only('edit'), only('edit')])
      const told = [...(repair.conflict ? [repair.conflict] : []), ...made.conflicts]
      assert.deepEqual(
        told.map((one) => one.lost),
        lost,
      )
    }
  })
})
