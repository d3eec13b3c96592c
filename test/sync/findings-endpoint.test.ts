import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewConflict, NewFailure } from '../../src/store/sync-port.ts'
import { NOW, openEndpoints, scriptedControl } from './endpoint-rig.ts'

const RECORD = '6f1c0d5e-0c1f-5c43-9d0a-3b8c5f1b2a10'
const OTHER = '7a1c0d5e-0c1f-5c43-9d0a-3b8c5f1b2a11'
const ON = () => ({ kind: 'on', control: scriptedControl().control }) as const

const tooLong: NewFailure = {
  side: 'dynamics',
  code: 'field-too-long',
  field: 'jobtitle',
  advice: 'Shorten it.',
  vendorCode: '0x80044331',
}
const blocked: NewFailure = { side: 'marketo', code: 'field-blocked', field: 'rating', advice: 'Allow it.' }

test('an open failure has its field, its side, what to do, both ids and its times', async (t) => {
  const { ask, store, link } = await openEndpoints(t, ON())
  const linkId = await link(RECORD, 4711)
  await store.save({ now: NOW, failures: [{ linkId, failures: [tooLong] }] })
  await store.save({ now: NOW + 1_000, failures: [{ linkId, failures: [tooLong] }] })
  const [replica] = await store.findReplicas({ linkIds: [linkId] })
  assert(replica)
  await store.save({ now: NOW, replicas: [{ ...replica, dueAt: NOW + 300_000 }] })

  const { status, body } = await ask('GET', '/v1/sync/failures')
  assert.equal(status, 200)
  assert.deepEqual(body.counts, [{ code: 'field-too-long', count: 1 }])
  const [{ failureId, ...failure }] = body.failures
  assert.equal(typeof failureId, 'number')
  assert.deepEqual(failure, {
    ...tooLong,
    recordType: 'lead',
    recordId: RECORD,
    recordUrl: `https://contoso.crm4.dynamics.com/main.aspx?pagetype=entityrecord&etn=lead&id=${RECORD}`,
    marketoId: 4711,
    firstSeenAt: '2026-03-02T08:20:00.000Z',
    lastSeenAt: '2026-03-02T08:20:01.000Z',
    attempts: 2,
    nextAttemptAt: '2026-03-02T08:25:00.000Z',
  })
})

test('failures are grouped by code, counted whole, paged and filtered', async (t) => {
  const { ask, store, link } = await openEndpoints(t, ON())
  const first = await link(RECORD, 4711)
  const second = await link(OTHER, 4712)
  await store.save({
    now: NOW,
    failures: [
      { linkId: first, failures: [tooLong, blocked] },
      { linkId: second, failures: [tooLong] },
      { failures: [{ side: 'dynamics', code: 'column-missing', field: 'new_x', advice: 'Add it.' }] },
    ],
  })
  const codes: string[] = []
  let cursor = ''
  do {
    const { body } = await ask('GET', `/v1/sync/failures?limit=1${cursor}`)
    assert.deepEqual(body.counts, [
      { code: 'column-missing', count: 1 },
      { code: 'field-blocked', count: 1 },
      { code: 'field-too-long', count: 2 },
    ])
    for (const { code } of body.failures) codes.push(code)
    cursor = body.nextCursor === undefined ? '' : `&cursor=${body.nextCursor}`
  } while (cursor !== '')
  assert.deepEqual(codes, ['column-missing', 'field-blocked', 'field-too-long', 'field-too-long'])

  const { body } = await ask('GET', '/v1/sync/failures?code=column-missing')
  assert.deepEqual(
    body.failures.map(({ field, recordId, marketoId }: Record<string, unknown>) => [
      field,
      recordId,
      marketoId,
    ]),
    [['new_x', undefined, undefined]],
  )
})

test('retry makes the record of an open failure due, once; any other id is 404', async (t) => {
  const { ask, store, link } = await openEndpoints(t, ON())
  const linkId = await link(RECORD, 4711)
  await store.save({ now: NOW, failures: [{ linkId, failures: [tooLong] }] })
  const { failureId } = (await ask('GET', '/v1/sync/failures')).body.failures[0]
  assert.deepEqual(await store.due(10, NOW), [])

  for (const body of [undefined, {}]) {
    const retried = await ask('POST', `/v1/sync/failures/${failureId}/retry`, body)
    assert.deepEqual([retried.status, retried.body.failureId], [202, failureId])
  }
  const [due] = await store.due(10, NOW)
  assert.equal(due?.linkId, linkId)

  await store.save({ now: NOW, failures: [{ linkId, failures: [] }] })
  for (const id of [failureId, failureId + 1]) {
    const { status, body } = await ask('POST', `/v1/sync/failures/${id}/retry`)
    assert.deepEqual([status, body.code], [404, 'unknown-failure'])
  }
})

test("retry forgets the turns of the record whose field is contested, and of no other record's or failure's", async (t) => {
  const { ask, store, link } = await openEndpoints(t, ON())
  const contested: NewFailure = {
    side: 'marketo',
    code: 'field-contested',
    field: 'title',
    advice: 'Stop one.',
  }
  const turn = { from: 'marketo', value: '"A"', before: '"B"', at: NOW, returns: [NOW, NOW] } as const
  const linkIds = [await link(RECORD, 4711), await link(OTHER, 4712)]
  const replicas = await store.findReplicas({ linkIds })
  await store.save({
    now: NOW,
    replicas: replicas.map((replica) => ({ ...replica, shadow: { title: 'A' }, turns: { title: turn } })),
    failures: linkIds.map((linkId) => ({ linkId, failures: [tooLong, contested] })),
  })
  const turns = async () =>
    (await store.findReplicas({ linkIds }))
      .toSorted((a, b) => a.linkId - b.linkId)
      .map((replica) => replica.turns?.title)
  const retry = async (code: string) => {
    const { failures } = (await ask('GET', `/v1/sync/failures?code=${code}`)).body
    const failure = failures.find(({ marketoId }: Record<string, unknown>) => marketoId === 4712)
    assert.equal((await ask('POST', `/v1/sync/failures/${failure.failureId}/retry`)).status, 202)
  }
  await retry('field-too-long')
  assert.deepEqual(await turns(), [turn, turn])
  await retry('field-contested')
  assert.deepEqual(await turns(), [turn, undefined])
})

test('a retry with force, in the body or in the query, is 400 and retries nothing', async (t) => {
  const { ask, store, link } = await openEndpoints(t, ON())
  const linkId = await link(RECORD, 4711)
  await store.save({ now: NOW, failures: [{ linkId, failures: [tooLong] }] })
  const { failureId } = (await ask('GET', '/v1/sync/failures')).body.failures[0]
  for (const [query, body] of [
    ['', { force: true }],
    ['', { fields: { title: 'x' } }],
    ['?force=1', undefined],
    ['?overwrite=true', {}],
  ] as const) {
    const answer = await ask('POST', `/v1/sync/failures/${failureId}/retry${query}`, body)
    assert.deepEqual([answer.status, answer.body.code], [400, 'unknown-member'])
  }
  assert.deepEqual(await store.due(10, NOW), [])
})

const SECRETS = ['ann@example.com', 'Ännchen', 'ben@example.com']

async function withConflicts(...args: Parameters<typeof openEndpoints>) {
  const endpoints = await openEndpoints(...args)
  const linkId = await endpoints.link(RECORD, 4711)
  const conflicts: NewConflict[] = [
    { linkId, field: 'email', winner: 'marketo', won: 'ann@example.com', lost: 'ben@example.com' },
    { linkId, field: 'firstName', winner: 'dynamics', won: 'Ännchen', lost: null },
    { linkId, field: 'annualRevenue', winner: 'marketo', won: 1_000, lost: 0 },
    { linkId, field: 'doNotCall', winner: 'dynamics', won: false, lost: true },
  ]
  await endpoints.store.save({ now: NOW, conflicts })
  return endpoints
}

test('a conflict shows field, winner, time and ids, and of the values their kind and length only', async (t) => {
  const { ask, log } = await withConflicts(t, ON())
  for (const query of ['', '?values=masked']) {
    const { body, text } = await ask('GET', `/v1/sync/conflicts${query}`)
    assert.deepEqual(
      body.conflicts.map(({ field, winner, marketo, dynamics }: Record<string, unknown>) => [
        field,
        winner,
        marketo,
        dynamics,
      ]),
      [
        ['doNotCall', 'dynamics', { kind: 'boolean' }, { kind: 'boolean' }],
        ['annualRevenue', 'marketo', { kind: 'number' }, { kind: 'number' }],
        ['firstName', 'dynamics', { kind: 'empty' }, { kind: 'text', length: 7 }],
        ['email', 'marketo', { kind: 'text', length: 15 }, { kind: 'text', length: 15 }],
      ],
    )
    for (const secret of SECRETS) assert(!text.includes(secret), 'a value in clear')
    const [first] = body.conflicts
    assert.deepEqual([first.recordType, first.recordId, first.marketoId], ['lead', RECORD, 4711])
    assert.equal(first.at, '2026-03-02T08:20:00.000Z')
  }
  assert.doesNotMatch(log(), /conflict-values-shown/)
})

test('values=shown shows both values of a conflict, and the log says which key asked', async (t) => {
  const { ask, log } = await withConflicts(t, ON())
  const { body } = await ask('GET', '/v1/sync/conflicts?values=shown')
  assert.deepEqual(
    body.conflicts.map(({ marketo, dynamics }: Record<string, { value: unknown }>) => [
      marketo?.value,
      dynamics?.value,
    ]),
    [
      [true, false],
      [1_000, 0],
      [null, 'Ännchen'],
      ['ann@example.com', 'ben@example.com'],
    ],
  )
  assert.match(log(), /"event":"conflict-values-shown","caller":"marketo"/)
  for (const secret of SECRETS) assert(!log().includes(secret), 'a value in the log')
})

test('conflicts come newest first, page by page, each once', async (t) => {
  const { ask } = await withConflicts(t, ON())
  const first = await ask('GET', '/v1/sync/conflicts?limit=3')
  const rest = await ask('GET', `/v1/sync/conflicts?limit=3&cursor=${first.body.nextCursor}`)
  const fields = [...first.body.conflicts, ...rest.body.conflicts].map(({ field }) => field)
  assert.deepEqual(fields, ['doNotCall', 'annualRevenue', 'firstName', 'email'])
  assert.equal(rest.body.nextCursor, undefined)
})

for (const query of ['failures?limit=0', 'failures?limit=301', 'failures?cursor=x', 'failures?force=1']) {
  test(`${query} is 400`, async (t) => {
    const { ask } = await openEndpoints(t, ON())
    assert.equal((await ask('GET', `/v1/sync/${query}`)).status, 400)
  })
}
for (const query of ['conflicts?values=all', 'conflicts?limit=x', 'conflicts?shown=1']) {
  test(`${query} is 400`, async (t) => {
    const { ask } = await openEndpoints(t, ON())
    assert.equal((await ask('GET', `/v1/sync/${query}`)).status, 400)
  })
}
