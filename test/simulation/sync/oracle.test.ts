import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cut } from './altering.ts'
import { Oracle, type OracleOptions } from './oracle.ts'

/** Nothing moved and nothing was logged: what the oracle makes of edits alone. */
function started({ shared = [], kept }: { shared?: readonly string[]; kept?: OracleOptions['kept'] } = {}) {
  let now = 1_700_000_000_000
  const counterparts: Record<string, string> = { 'marketo:1': 'contact:a', 'contact:a': 'marketo:1' }
  const oracle = new Oracle({
    now: () => now,
    counterpartOf: (object) => counterparts[object],
    linkOf: () => undefined,
    isShared: (object) => shared.includes(object),
    ...(kept && { kept }),
  })
  const later = (ms = 60_000) => {
    now += ms
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
  // Long enough for its beginnings to be no excuse.
  later(3_600_000)
  oracle.entered('marketo:1', 'marketo', 'unsubscribed', false)
  later()
  oracle.wrote('marketo:1', 'unsubscribed', true, ['contact:a'])
  assert.equal(oracle.judge([]).unlogged.length, 1)
})

test('a value that somebody entered again and that is back after it was replaced is not lost', () => {
  const { oracle, later } = started()
  oracle.entered('contact:a', 'dynamics', 'phone', 'p1')
  oracle.wrote('marketo:1', 'phone', 'p1', ['contact:a'])
  later()
  oracle.entered('marketo:1', 'marketo', 'phone', 'p2')
  oracle.wrote('contact:a', 'phone', 'p2', ['marketo:1'])
  later()
  oracle.entered('marketo:1', 'marketo', 'phone', 'p1')
  oracle.entered('contact:a', 'dynamics', 'phone', 'p3')
  oracle.wrote('marketo:1', 'phone', 'p3', ['contact:a'])
  later()
  oracle.wrote('marketo:1', 'phone', 'p1', ['contact:a'])
  later()
  oracle.entered('marketo:1', 'marketo', 'phone', 'p4')
  const lost = oracle.judge([]).unlogged.map((one) => one.match(/phone="(p\d)"/)?.[1])
  assert.deepEqual(lost, [])
})

test('a value that somebody entered again and that stays replaced is lost when nothing is logged', () => {
  const { oracle, later } = started()
  oracle.entered('marketo:1', 'marketo', 'phone', 'p1')
  oracle.wrote('contact:a', 'phone', 'p1', ['marketo:1'])
  later()
  oracle.entered('marketo:1', 'marketo', 'phone', 'p2')
  oracle.wrote('contact:a', 'phone', 'p2', ['marketo:1'])
  later()
  oracle.entered('marketo:1', 'marketo', 'phone', 'p1')
  later()
  oracle.wrote('marketo:1', 'phone', 'p2', ['contact:a'])
  later()
  oracle.wrote('contact:a', 'phone', 'p1', ['marketo:1'])
  assert.equal(oracle.judge([]).unlogged.length, 1)
})

test('a choice that comes from the other side is not taken for an older equal one that had been replaced here', () => {
  const { oracle, later } = started()
  oracle.entered('contact:a', 'dynamics', 'origin', 'Seminar')
  oracle.entered('marketo:1', 'marketo', 'origin', null)
  oracle.wrote('marketo:1', 'origin', 'Seminar', ['contact:a'])
  later(3_600_000)
  oracle.entered('contact:a', 'dynamics', 'origin', 'Partner')
  later()
  oracle.entered('contact:a', 'dynamics', 'origin', 'Web')
  oracle.entered('marketo:1', 'marketo', 'origin', 'Partner')
  later()
  oracle.entered('contact:a', 'dynamics', 'origin', null)
  later()
  oracle.wrote('marketo:1', 'origin', null, ['contact:a'])
  const lost = oracle.judge([]).unlogged.map((one) => one.match(/origin=("?\w+"?)/)?.[1])
  assert.deepEqual(lost, [])
})

test('an edit that takes back both a deletion and what a merge brought after it loses nothing', () => {
  const { oracle, later } = started()
  oracle.entered('contact:a', 'dynamics', 'title', 't1')
  oracle.wrote('marketo:1', 'title', 't1', ['contact:a'])
  later()
  oracle.entered('contact:b', 'dynamics', 'title', 't2')
  oracle.wrote('marketo:2', 'title', 't2', ['contact:b'])
  later()
  oracle.entered('contact:a', 'dynamics', 'title', null)
  later()
  oracle.merged('contact:a', 'contact:b', 'title', true)
  oracle.gone('contact:b')
  oracle.entered('marketo:1', 'marketo', 'title', 't3')
  later(3_600_000)
  oracle.entered('contact:a', 'dynamics', 'title', 't1')
  later()
  oracle.wrote('contact:a', 'title', 't3', ['marketo:1'])
  assert.deepEqual(oracle.judge([]).unlogged, [])
})

test('a value that a merge brought to another person, who replaced it, is not lost where it was entered', () => {
  const { oracle, later } = started()
  oracle.entered('contact:b', 'dynamics', 'title', 't1')
  oracle.wrote('marketo:2', 'title', 't1', ['contact:b'])
  later()
  oracle.merged('marketo:1', 'marketo:2', 'title', true)
  oracle.gone('marketo:2')
  later(3_600_000)
  oracle.entered('marketo:1', 'marketo', 'title', 't2')
  later()
  oracle.wrote('contact:b', 'title', 't2', ['marketo:1'])
  assert.deepEqual(oracle.judge([]).unlogged, [])
})

for (const [name, value, lost] of [
  ['keeps nothing of it, has seen it', '😀 t1', 0],
  ['would keep some of it, has not', 't1 😀', 1],
] as const) {
  test(`who gives a value to a person without one, whose side ${name}`, () => {
    const kept: OracleOptions['kept'] = (side, field, given) =>
      side === 'marketo' ? cut(field, given) : given
    const { oracle, later } = started({ kept })
    oracle.entered('contact:a', 'dynamics', 'title', value)
    later(3_600_000)
    oracle.entered('marketo:1', 'marketo', 'title', 't2')
    later()
    oracle.wrote('contact:a', 'title', 't2', ['marketo:1'])
    assert.equal(oracle.judge([]).unlogged.length, lost)
  })
}

const REPLACED: readonly [string, { shared: readonly string[]; laterMs: number; lost: number }][] = [
  [
    'who has just become a second one is told by their failure',
    { shared: ['marketo:1'], laterMs: 60_000, lost: 0 },
  ],
  ['who became a second one long ago is lost', { shared: ['marketo:1'], laterMs: 86_400_000, lost: 1 }],
  ['who shares no link is lost', { shared: [], laterMs: 60_000, lost: 1 }],
]
for (const [name, { shared, laterMs, lost }] of REPLACED) {
  test(`an edit that a write of ours replaced untold in a person ${name}`, () => {
    const { oracle, later } = started({ shared })
    oracle.entered('contact:a', 'dynamics', 'phone', 'p1')
    oracle.wrote('marketo:1', 'phone', 'p1', ['contact:a'])
    later(3_600_000)
    oracle.entered('contact:a', 'dynamics', 'phone', 'p2')
    oracle.upheaval('contact:a')
    later(laterMs)
    oracle.entered('marketo:1', 'marketo', 'phone', 'p3')
    oracle.wrote('marketo:1', 'phone', 'p2', ['contact:a'])
    assert.equal(oracle.judge([]).unlogged.length, lost)
  })
}

/** Somebody entered f1 in Marketo a long time ago, and Dynamics keeps it in capitals. */
function capitalised() {
  const { oracle, later } = started({
    kept: (side, _, value) =>
      side === 'dynamics' && typeof value === 'string' ? value.toUpperCase() : value,
  })
  oracle.entered('marketo:1', 'marketo', 'firstName', 'f1')
  oracle.entered('marketo:2', 'marketo', 'firstName', 'f2')
  oracle.wrote('contact:a', 'firstName', 'f1', ['marketo:1'])
  later(3_600_000)
  return { oracle, later }
}

test('what a side has made of a value may travel to another person, and nothing that nobody entered may', () => {
  const { oracle } = capitalised()
  oracle.wrote('marketo:2', 'firstName', 'F1', ['contact:a'])
  assert.throws(() => oracle.wrote('marketo:2', 'firstName', 'F3', ['contact:a']), /nobody entered/)
})

test('what a side has made of a value may not travel back over the original', () => {
  const { oracle } = capitalised()
  assert.throws(() => oracle.wrote('marketo:1', 'firstName', 'F1', ['contact:a']), /S17/)
})

test('a value that both sides entered, one of them in its own form, is not lost when somebody replaces it', () => {
  const { oracle, later } = capitalised()
  oracle.entered('marketo:1', 'marketo', 'firstName', 'f4')
  oracle.entered('contact:a', 'dynamics', 'firstName', 'F4')
  later()
  oracle.entered('contact:a', 'dynamics', 'firstName', 'F5')
  oracle.wrote('marketo:1', 'firstName', 'F5', ['contact:a'])
  assert.deepEqual(oracle.judge([]).unlogged, [])
})

test('a choice that our write replaced is not lost when an equal later one of the other side brings it back', () => {
  const { oracle, later } = started()
  oracle.entered('contact:a', 'dynamics', 'origin', 'Web')
  later()
  oracle.entered('marketo:1', 'marketo', 'origin', 'Seminar')
  oracle.wrote('marketo:1', 'origin', 'Web', ['contact:a'])
  later()
  assert.equal(oracle.judge([]).unlogged.length, 1)

  oracle.entered('marketo:1', 'marketo', 'origin', 'Partner')
  oracle.wrote('marketo:1', 'origin', 'Web', ['contact:a'])
  oracle.entered('contact:a', 'dynamics', 'origin', 'Partner')
  oracle.wrote('marketo:1', 'origin', 'Partner', ['contact:a'])
  later()
  oracle.entered('marketo:1', 'marketo', 'origin', 'Fair')
  assert.deepEqual(oracle.judge([]).unlogged, [])
})
