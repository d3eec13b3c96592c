import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crash } from './crash.ts'
import { type Evidence, verdict } from './verdict.ts'

const KILLS = 6
const TIMEOUT_MS = 300_000

test(`nobody is doubled and nobody lost when the service is killed ${KILLS} times`, async (t) => {
  const seed = Math.floor(Math.random() * 1_000_000)
  t.diagnostic(`seed ${seed}: npm run crash -- --kills ${KILLS} --seed ${seed}`)
  const options = {
    kills: KILLS,
    seed,
    replicas: 1,
    restWithinMs: 90_000,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }
  const { broken, numbers, directory } = await crash(options)
  t.diagnostic(JSON.stringify(numbers))
  assert.deepEqual(broken, [], `seed ${seed}, data and log in ${directory}`)
})

const ann = { tag: 'Ann', marketoIds: [1], email: 'ann@example.com', refused: false, enteredByHand: false }
const row = { tag: 'Ann', id: 'a', byHand: false }
const created = { tag: 'Ann', status: 200, text: '{}', requestId: 'r1', outcome: 'created', recordId: 'a' }
const kept: Evidence = {
  people: [ann],
  answers: [created],
  rows: [row],
  endings: new Map([['r1', { tag: 'Ann', outcome: 'created', recordId: 'a' }]]),
  known: new Set(['Ann']),
}
const refused = { people: [{ ...ann, refused: true }] }
const failed = { tag: 'Ann', outcome: 'failed' }

const brokenPromises: [what: string, evidence: Partial<Evidence>, sentence: RegExp][] = [
  ['a second record', { rows: [row, { ...row, id: 'b' }] }, /Ann has 2 records/],
  ['a person who is gone', { rows: [] }, /Ann was accepted and has no record/],
  [
    'a person known but never made',
    { rows: [], answers: [], endings: new Map() },
    /accepted and has no record/,
  ],
  ['a request without an outcome', { endings: new Map() }, /request r1 of Ann has no outcome/],
  ['a request still queued', { endings: new Map([['r1', { tag: 'Ann', outcome: 'queued' }]]) }, /no outcome/],
  ['a failure without need', { endings: new Map([['r1', failed]]) }, /Ann failed without need/],
  ['a forbidden record', { ...refused, endings: new Map([['r1', failed]]) }, /rules forbid/],
  ['a refusal that nobody recorded', { ...refused, rows: [], endings: new Map() }, /no recorded failure/],
  ['a server error', { answers: [{ ...created, status: 500 }] }, /answered 500/],
  [
    'a replay with other bytes',
    {
      answers: [
        { ...created, key: 'k' },
        { ...created, key: 'k', text: '{"outcome":"exists"}' },
      ],
    },
    /replays of k differ/,
  ],
  [
    'a record created for two requests',
    { endings: new Map([...kept.endings, ['r2', { tag: 'Ann', outcome: 'created', recordId: 'a' }]]) },
    /record a was created for 2 requests/,
  ],
  ['a record that was there before', { rows: [{ ...row, byHand: true }] }, /entered by hand/],
  [
    "somebody else's record",
    { endings: new Map([['r1', { tag: 'Ann', outcome: 'exists', recordId: 'x' }]]) },
    /not theirs/,
  ],
]

test('the verdict finds nothing where every promise was kept', () => {
  assert.deepEqual(verdict(kept), [])
  assert.deepEqual(
    verdict({ ...kept, ...refused, answers: [], rows: [], endings: new Map([['r1', failed]]) }),
    [],
  )
})

for (const [what, evidence, sentence] of brokenPromises) {
  test(`the verdict names ${what}`, () => {
    assert.match(verdict({ ...kept, ...evidence }).join('\n'), sentence)
  })
}
