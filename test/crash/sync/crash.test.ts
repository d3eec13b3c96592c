import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crashSync } from './crash.ts'
import type { Evidence, HeldPerson, HeldRow } from './evidence.ts'
import { verdict } from './verdict.ts'

const KILLS = 5
const TIMEOUT_MS = 300_000

test(`both sides become equal and no edit is lost when the service is killed ${KILLS} times in its cycles`, async (t) => {
  const seed = Math.floor(Math.random() * 1_000_000)
  t.diagnostic(`seed ${seed}: npm run crash -- --sync --kills ${KILLS} --seed ${seed}`)
  const options = {
    kills: KILLS,
    seed,
    replicas: 1,
    restWithinMs: 90_000,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }
  const { broken, numbers, directory } = await crashSync(options)
  t.diagnostic(JSON.stringify(numbers))
  assert.deepEqual(broken, [], `seed ${seed}, data and log in ${directory}`)
})

const row: HeldRow = { tag: 'ann', id: 'a', values: { title: 'dynamics 2' } }
const person: HeldPerson = {
  tag: 'ann',
  id: '1',
  recordId: 'a',
  isDeleted: false,
  values: { title: 'dynamics 2' },
}
const inMarketo = {
  number: 1,
  tag: 'ann',
  side: 'marketo',
  home: '1',
  field: 'title',
  value: 'marketo 1',
} as const
const inDynamics = { ...inMarketo, number: 2, side: 'dynamics', home: 'a', value: 'dynamics 2' } as const
const there = { home: '1', field: 'title', value: 'marketo 1', byService: false }
const carried = { home: 'a', field: 'title', value: 'marketo 1', byService: true }
/** Ann's title was entered in Marketo, carried to Dynamics, changed there and carried back. */
const kept: Evidence = {
  subjects: [{ tag: 'ann', recordType: 'lead' }],
  edits: [inMarketo, inDynamics],
  rows: [row],
  people: [person],
  written: {
    marketo: [there, { ...there, value: 'dynamics 2', byService: true }],
    dynamics: [carried, { ...carried, value: 'dynamics 2', byService: false }],
  },
  deletions: [],
  conflicts: [],
  endings: new Map([['r1', { tag: 'ann', outcome: 'exists' }]]),
}
const [, back] = kept.written.marketo
const [, changed] = kept.written.dynamics
assert.ok(back && changed)
const unseen = { ...kept.written, dynamics: [changed] }

const brokenPromises: [what: string, evidence: Partial<Evidence>, sentence: RegExp][] = [
  ['a second record', { rows: [row, { ...row, id: 'b' }] }, /ann has 2 records/],
  ['a second person', { people: [person, { ...person, id: '2', recordId: 'b' }] }, /ann has 2 people/],
  [
    'two people of one record',
    { people: [person, { ...person, id: '2', tag: 'bob' }] },
    /record a has 2 people/,
  ],
  ['a record without a person', { people: [] }, /ann has a record and no person/],
  ['a deletion that nobody is told of', { rows: [] }, /not told that the record is deleted/],
  [
    'a deletion that was none',
    { people: [{ ...person, isDeleted: true }] },
    /flagged as deleted, and is not/,
  ],
  ['a person of another record', { people: [{ ...person, recordId: 'b' }] }, /names record b, and has a/],
  [
    'a field that differs',
    { people: [{ ...person, values: { title: 'marketo 1' } }] },
    /ann\.title is marketo 1 in Marketo and dynamics 2 in Dynamics/,
  ],
  ['an empty field that differs', { people: [{ ...person, values: {} }] }, /ann\.title is null in Marketo/],
  [
    'a deletion by the service',
    { deletions: [{ tag: 'ann', side: 'marketo', byService: true }] },
    /deleted ann in marketo/,
  ],
  [
    'a request without an outcome',
    { endings: new Map([['r1', { tag: 'ann', outcome: 'queued' }]]) },
    /request r1 of ann ended queued/,
  ],
  ['an edit that was replaced unseen', { written: unseen }, /ann\.title = marketo 1 is lost/],
  [
    'a later edit that an older one replaced',
    { edits: [{ ...inMarketo, number: 3 }, inDynamics] },
    /ann\.title = marketo 1 is lost/,
  ],
]

for (const [what, evidence, sentence] of brokenPromises) {
  test(`the verdict on the sync names ${what}`, () => {
    assert.match(verdict({ ...kept, ...evidence }).join('\n'), sentence)
  })
}

const keptPromises: [what: string, evidence: Partial<Evidence>][] = [
  ['everything was kept', {}],
  [
    'a lost edit is in the conflict log',
    { written: unseen, conflicts: [{ field: 'title', lost: 'marketo 1' }] },
  ],
  [
    'whoever replaced an edit did so where it was made',
    { written: { dynamics: [], marketo: [there, { ...back, byService: false }] } },
  ],
  [
    'a person was deleted in Marketo',
    { people: [], deletions: [{ tag: 'ann', side: 'marketo', byService: false }] },
  ],
  ['a deleted record is told', { rows: [], people: [{ ...person, isDeleted: true }] }],
]

for (const [what, evidence] of keptPromises) {
  test(`the verdict on the sync finds nothing where ${what}`, () => {
    assert.deepEqual(verdict({ ...kept, ...evidence }), [])
  })
}
