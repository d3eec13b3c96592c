import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Oracle } from './oracle.ts'

/** Nothing moved and nothing was logged: what the oracle makes of edits alone. */
function started() {
  let now = 1_700_000_000_000
  const counterparts: Record<string, string> = { 'marketo:1': 'contact:a', 'contact:a': 'marketo:1' }
  const oracle = new Oracle({
    now: () => now,
    counterpartOf: (object) => counterparts[object],
    linkOf: () => undefined,
  })
  const later = () => {
    now += 60_000
  }
  return { oracle, later }
}

function merged(oracle: Oracle, later: () => void) {
  oracle.entered('marketo:1', 'marketo', 'unsubscribed', false)
  oracle.wrote('contact:a', 'unsubscribed', false, ['marketo:1'])
  later()
  oracle.entered('marketo:2', 'marketo', 'unsubscribed', true)
  oracle.wrote('lead:b', 'unsubscribed', true, ['marketo:2'])
  later()
  oracle.merged('marketo:1', 'marketo:2', 'unsubscribed', true)
  oracle.gone('marketo:2')
}

test('an edit that takes back what a merge brought, before the other side heard of it, loses nothing', () => {
  const { oracle, later } = started()
  merged(oracle, later)
  later()
  oracle.entered('contact:a', 'dynamics', 'unsubscribed', true)
  later()
  oracle.entered('marketo:1', 'marketo', 'unsubscribed', false)
  later()
  oracle.wrote('marketo:1', 'unsubscribed', true, ['contact:a'])
  assert.deepEqual(oracle.judge([]).unlogged, [])
})

test('an edit that takes back what a merge brought, after the other side heard of it, is lost when nothing is logged', () => {
  const { oracle, later } = started()
  merged(oracle, later)
  oracle.wrote('contact:a', 'unsubscribed', true, ['marketo:1'])
  later()
  oracle.entered('marketo:1', 'marketo', 'unsubscribed', false)
  later()
  oracle.wrote('marketo:1', 'unsubscribed', true, ['contact:a'])
  assert.equal(oracle.judge([]).unlogged.length, 1)
})
