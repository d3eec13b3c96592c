import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { Busy, Unauthorized, Unavailable } from '../../src/errors.ts'
import { readStatus, type StatusCheck } from '../../src/flow-step/status.ts'
import { type Checked, statusChecks } from '../../src/flow-step/status-checks.ts'
import { manualClock } from '../dataverse/manual-clock.ts'
import { conforms } from './conforms.ts'

const stopping = new AbortController().signal
const works: StatusCheck = { name: 'A', run: async () => ({ level: 'info', text: 'A: works.' }) }
const fails = (error: Error): StatusCheck => ({
  name: 'B',
  run: () => Promise.reject(error),
})
const never: StatusCheck = { name: 'C', run: () => new Promise(() => {}) }

function status(checks: StatusCheck[], more: { deprecatedOn?: string } = {}) {
  return readStatus({ checks, timeoutMs: 1_000, clock: systemClock, stopping, ...more })
}

test('each finding goes where its level belongs', async () => {
  const warns: StatusCheck = { name: 'W', run: async () => ({ level: 'warning', text: 'W: slow.' }) }
  const said = await status([works, warns])
  assert.deepEqual(said, { info: ['A: works.'], warnings: ['W: slow.'], errors: [] })
  conforms('serviceStatus', said)
})

const TROUBLE: readonly [string, Error, string][] = [
  [
    'credentials that are not taken',
    new Unauthorized('secret reply', { code: 'x', advice: 'Make a new secret.' }),
    'B: Make a new secret.',
  ],
  [
    'no answer',
    new Unavailable('secret reply'),
    'B: cannot be reached at the moment; people stay queued and are not lost.',
  ],
  ['a fault of ours', new TypeError('secret reply'), 'B: cannot be used at the moment.'],
]
for (const [what, error, text] of TROUBLE) {
  test(`${what} is an error in our words, and the other checks are told`, async () => {
    assert.deepEqual(await status([fails(error), works]), {
      info: ['A: works.'],
      warnings: [],
      errors: [text],
    })
  })
}

test('a check that does not end is named at the deadline, and the others are told', async () => {
  const { clock, advance } = manualClock()
  const said = readStatus({ checks: [never, works], timeoutMs: 5_000, clock, stopping })
  await advance(5_000)
  assert.deepEqual(await said, { info: ['A: works.'], warnings: ['C: no answer within 5 s.'], errors: [] })
})

test('a service that is being retired says since when, and that another takes over', async () => {
  const said = await status([], { deprecatedOn: '2027-01-31' })
  assert.equal(said.deprecationDate, '2027-01-31T00:00:00Z')
  assert.match(said.deprecationMessage ?? '', /retired/)
  conforms('serviceStatus', said)
})

const NOW = Date.UTC(2026, 0, 1)
const fine: Checked = {
  storeFault: async () => undefined,
  jobs: { backlog: async () => ({ waiting: 0 }) },
  chunks: { countChunks: async () => ({ stored: 0, working: 0, answering: 0, done: 7, failed: 0 }) },
  dataverse: { whoAmI: async () => ({ userId: 'u', organisationId: 'o' }) },
  schema: { fields: async () => new Map() },
  keptMs: 60_000,
  stopping,
  clock: { now: () => NOW, wall: () => NOW, sleep: async () => {} },
}

const CHECKED: readonly [string, Partial<Checked>, 'info' | 'warnings' | 'errors', RegExp][] = [
  ['a store that works', {}, 'info', /^Store: available/],
  [
    'a store that does not',
    { storeFault: async () => 'the disk is full' },
    'errors',
    /^Store: the disk is full\. /,
  ],
  ['Dynamics within reach', {}, 'info', /^Dynamics: reached/],
  [
    'Dynamics out of reach',
    { dataverse: { whoAmI: () => Promise.reject(new Unavailable('no')) } },
    'errors',
    /^Dynamics: /,
  ],
  [
    'Dynamics that asks to wait',
    { dataverse: { whoAmI: () => Promise.reject(new Busy('no', 1_000)) } },
    'warnings',
    /^Dynamics: asked the service to wait/,
  ],
  ['Marketo within reach', {}, 'info', /^Marketo.*: reached/],
  ['a service without Marketo’s REST API', { schema: undefined }, 'info', /not configured/],
  [
    'Marketo out of reach',
    { schema: { fields: () => Promise.reject(new Unavailable('no')) } },
    'errors',
    /^Marketo: /,
  ],
  ['nobody who waits', {}, 'info', /^Backlog: 0 people are waiting\.$/],
  [
    'people who wait for a moment',
    { jobs: { backlog: async () => ({ waiting: 3, oldestAt: NOW - 60_000 }) } },
    'info',
    /^Backlog: 3 people are waiting, the first for 1 min/,
  ],
  [
    'people who wait too long',
    { jobs: { backlog: async () => ({ waiting: 3, oldestAt: NOW - 901_000 }) } },
    'warnings',
    /^Backlog: 3 people are waiting, the first for 15 min/,
  ],
  ['callbacks that all arrived', {}, 'info', /^Callbacks: none failed/],
  [
    'callbacks that failed',
    { chunks: { countChunks: async () => ({ stored: 0, working: 0, answering: 0, done: 0, failed: 2 }) } },
    'warnings',
    /^Callbacks: 2 failed permanently/,
  ],
]
for (const [what, changed, level, expected] of CHECKED) {
  test(`${what} is told under ${level}`, async () => {
    const said = await status(statusChecks({ ...fine, ...changed }))
    assert.match(said[level].join('\n'), new RegExp(expected.source, 'm'))
    assert.equal(said.info.length + said.warnings.length + said.errors.length, 5)
  })
}

test('however often the status is read, each vendor is asked once a minute, and the store each time', async () => {
  const { clock, advance } = manualClock()
  const asked = { dynamics: 0, marketo: 0, store: 0 }
  const checks = statusChecks({
    ...fine,
    dataverse: {
      whoAmI: () => {
        asked.dynamics += 1
        return Promise.reject(new Unavailable('no'))
      },
    },
    schema: {
      fields: async () => {
        asked.marketo += 1
        return new Map()
      },
    },
    storeFault: async () => {
      asked.store += 1
      return undefined
    },
    clock,
  })
  const read = () => readStatus({ checks, timeoutMs: 1_000, clock, stopping })
  for (let times = 0; times < 20; times += 1) await read()
  assert.match((await read()).errors.join(), /^Dynamics: cannot be reached/)
  assert.deepEqual(asked, { dynamics: 1, marketo: 1, store: 21 })
  await advance(60_000)
  await read()
  assert.deepEqual(asked, { dynamics: 2, marketo: 2, store: 22 })
})
