import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WireActivity } from '../../sandbox/marketo/activity.ts'
import { apiCause } from '../../sandbox/marketo/cause.ts'
import type { FeedPage } from '../../sandbox/marketo/feed.ts'
import { Subscription, type SubscriptionOptions } from '../../sandbox/marketo/subscription.ts'

const START = Date.parse('2026-03-01T12:00:00.700Z')
const DAY_MS = 86_400_000

/** A subscription whose time and keys are the test's own. */
function pretend(options: SubscriptionOptions = {}) {
  const clock = { at: START }
  let keys = 0
  const guid = () => {
    keys += 1
    return `g${keys}`
  }
  const marketo = new Subscription({ now: () => clock.at, guid, ...options })
  const token = marketo.feed.tokenSince(START)
  const seen = (typeIds: readonly number[] = [12, 13, 22, 32, 37]) =>
    marketo.feed.activities({ token, typeIds }).items
  return { marketo, clock, token, seen }
}

const brief = ({ activityTypeId, leadId, primaryAttributeValue, attributes }: WireActivity) => [
  activityTypeId,
  leadId,
  primaryAttributeValue,
  Object.fromEntries(attributes.map(({ name, value }) => [name, value])),
]

test('a new person is one entry, and its first values are none', () => {
  const { marketo, seen } = pretend()
  const ann = marketo.create({ firstName: 'Ann', lastName: 'Ek' })
  const bo = marketo.create({ email: 'bo@example.com' }, apiCause('1#2', 'SyncLeads'))
  assert.deepEqual(seen().map(brief), [
    [12, ann, 'Ann Ek', { 'Source Type': 'New lead', 'Created Date': '2026-03-01' }],
    [12, bo, 'bo@example.com', { 'Source Type': 'Web service API', 'Created Date': '2026-03-01' }],
  ])
})

test('only fields that really changed are logged, as texts, empty ones left out', () => {
  const { marketo, seen, token } = pretend()
  const id = marketo.create({ firstName: 'Ann', lastName: 'Ek', leadScore: 7 })
  marketo.update(id, { firstName: 'Ann', lastName: null, leadScore: 8, unsubscribed: true, phone: '' })
  const form = { Source: 'Web form fillout', Reason: 'Filled out form' }
  assert.deepEqual(seen([13]).map(brief), [
    [13, id, 'Last Name', { 'Old Value': 'Ek', ...form }],
    [13, id, 'Lead Score', { 'Old Value': '7', 'New Value': '8', ...form }],
    [13, id, 'Unsubscribed', { 'Old Value': 'False', 'New Value': 'True', ...form }],
  ])
  const { items } = marketo.feed.leadChanges({ token, fields: ['lastName', 'leadScore', 'phone'] })
  assert.deepEqual(
    items.slice(1).map(({ fields, activityDate, attributes }) => ({ fields, activityDate, attributes })),
    [
      { name: 'lastName', oldValue: 'Ek', newValue: null },
      { name: 'leadScore', newValue: '8', oldValue: '7' },
    ].map((field) => ({
      fields: [{ id: marketo.schema.field(field.name)?.id, ...field }],
      activityDate: '2026-03-01T12:00:00Z',
      attributes: [
        { name: 'Source', value: 'Web form fillout' },
        { name: 'Reason', value: 'Filled out form' },
        { name: 'Lead ID', value: id },
      ],
    })),
  )
})

test('a REST write is told apart by its request, a campaign by its id', () => {
  const { marketo, seen } = pretend()
  const id = marketo.create({ lastName: 'Ek' })
  marketo.update(id, { lastName: 'Alm' }, apiCause('abc#1', 'SyncLeads'))
  marketo.update(
    id,
    { lastName: 'Ask' },
    { source: 'Marketo Flow Action', reason: 'Spring', campaignId: 2044 },
  )
  const [byApi, byCampaign] = seen([13])
  assert.deepEqual(byApi && brief(byApi)[3], {
    'New Value': 'Alm',
    'Old Value': 'Ek',
    Reason: 'Web service API',
    Source: 'Web service API',
    'Request Id': 'abc#1',
    'API Method Name': 'SyncLeads',
    'Modifying User': 'sync.person@sandbox.example',
  })
  assert.deepEqual([byApi?.campaignId, byCampaign?.campaignId], [undefined, 2044])
})

test('Change Score is a type of its own and a changed value beside it', () => {
  const { marketo, seen, token } = pretend()
  const id = marketo.create({ leadScore: 5 })
  marketo.changeScore(id, 10, { source: 'Web form fillout', campaignId: 2044 })
  const shown = seen([13, 22])
  assert.deepEqual(
    shown.map(({ activityTypeId, campaignId }) => [activityTypeId, campaignId]),
    [
      [22, 2044],
      [13, 2044],
    ],
  )
  const attributes = Object.fromEntries(shown[1]?.attributes.map(({ name, value }) => [name, value]) ?? [])
  assert.deepEqual(
    [attributes['Old Value'], attributes['New Value'], attributes.Source],
    ['5', '15', 'Marketo Flow Action'],
  )
  assert.equal(marketo.feed.leadChanges({ token, fields: ['leadScore'] }).items.length, 2)
})

test('Change Score is a type of its own and not a changed value, where the knob says so', () => {
  const { marketo, seen, token } = pretend({ knobs: { scoreLogsValues: false } })
  const id = marketo.create({ leadScore: 5 })
  marketo.changeScore(id, 10)
  marketo.changeScore(id, -3, { source: 'Marketo Flow Action', reason: 'Cold' })
  marketo.changeScore(id, 0)
  assert.equal(marketo.people.get(id)?.leadScore, 12)
  assert.deepEqual(seen([13, 22]).map(brief), [
    [
      22,
      id,
      'Lead Score',
      { 'Change Value': '+10', 'Old Value': 5, 'New Value': 15, Reason: 'Filled out form' },
    ],
    [22, id, 'Lead Score', { 'Change Value': '-3', 'Old Value': 15, 'New Value': 12, Reason: 'Cold' }],
  ])
  assert.equal(marketo.feed.leadChanges({ token, fields: ['leadScore'] }).items.length, 1)
  assert.throws(() => marketo.changeScore(id, 1, undefined, 'lastName'), { code: '1001' })
})

test('booleans are logged as True and False, and date-times without the zone that they are written in', () => {
  for (const [logOffsetMinutes, shown] of [
    [0, '2026-03-01 10:00:00'],
    [-300, '2026-03-01 05:00:00'],
  ] as const) {
    const { marketo, seen } = pretend({ knobs: { logOffsetMinutes } })
    marketo.addField({ name: 'crmMet', dataType: 'datetime' })
    marketo.addField({ name: 'crmDay', dataType: 'date' })
    const id = marketo.create({ lastName: 'Ek' })
    marketo.update(id, { unsubscribed: true, crmMet: '2026-03-01T12:00:00+02:00', crmDay: '2026-03-01' })
    const values = seen([13]).map(
      ({ attributes }) => attributes.find(({ name }) => name === 'New Value')?.value,
    )
    assert.deepEqual(values, ['True', shown, '2026-03-01'])
    assert.equal(marketo.people.get(id)?.crmMet, '2026-03-01T10:00:00Z')
  }
})

const merges = [
  { name: 'of the survivor', knobs: {}, log: [[32, 1001, '[1002, 1003]']] },
  {
    name: 'of each loser',
    knobs: { mergeNames: 'loser' as const },
    log: [
      [32, 1002, '[1001]'],
      [32, 1003, '[1001]'],
    ],
  },
  {
    name: 'with deletions and values, where the knobs say so',
    knobs: { mergeLogsValues: true, deletionsInActivities: true },
    log: [
      [32, 1001, '[1002, 1003]'],
      [13, 1001, undefined],
      [37, 1002, undefined],
      [37, 1003, undefined],
    ],
  },
]
for (const { name, knobs, log } of merges) {
  test(`a merge is an entry ${name}`, () => {
    const { marketo, seen } = pretend({ knobs })
    const [winner = 0, ...losers] = [{ lastName: 'Ek' }, { phone: '1' }, { phone: '2' }].map((fields) =>
      marketo.create(fields),
    )
    marketo.merge(winner, losers)
    assert.equal(marketo.people.get(winner)?.phone, '1')
    assert.deepEqual(
      seen([13, 32, 37]).map(({ activityTypeId, leadId, attributes }) => [
        activityTypeId,
        leadId,
        attributes.find((attribute) => attribute.name === 'Merge IDs')?.value,
      ]),
      log,
    )
  })
}

test('a deletion names the person, and is readable for 14 days', () => {
  const { marketo, clock, token } = pretend()
  const id = marketo.create({ firstName: 'Ann', lastName: 'Ek' })
  marketo.remove(id)
  const [entry] = marketo.feed.deletedLeads({ token }).items
  assert.deepEqual(
    [entry?.activityTypeId, entry?.primaryAttributeValueId, entry?.primaryAttributeValue],
    [37, id, 'Ann Ek'],
  )
  clock.at += 14 * DAY_MS
  assert.equal(marketo.feed.deletedLeads({ token }).items.length, 1)
  clock.at += 1
  assert.deepEqual(marketo.feed.deletedLeads({ token }).items, [])
  assert.equal(marketo.feed.activities({ token, typeIds: [12] }).items.length, 1)
})

test('a deletion is in the feed of deleted leads alone, unless the knob puts it among the activities, too', () => {
  for (const [deletionsInActivities, among] of [
    [false, []],
    [true, [37]],
  ] as const) {
    const { marketo, seen, token } = pretend({ knobs: { deletionsInActivities } })
    marketo.remove(marketo.create({ lastName: 'Ek' }))
    assert.deepEqual(
      seen([37]).map(({ activityTypeId }) => activityTypeId),
      among,
    )
    assert.equal(marketo.feed.deletedLeads({ token }).items.length, 1)
  }
})

test('the losers of a merge are deleted, unless the knob says otherwise', () => {
  for (const mergeDeletes of [true, false]) {
    const { marketo, token } = pretend({ knobs: { mergeDeletes } })
    const [winner = 0, loser = 0] = ['Ek', 'Alm'].map((lastName) => marketo.create({ lastName }))
    marketo.merge(winner, [loser])
    const deleted = marketo.feed.deletedLeads({ token }).items.map(({ leadId }) => leadId)
    assert.deepEqual(deleted, mergeDeletes ? [loser] : [])
  }
})

test('a late entry is dated early, comes after younger ones, and reaches a token that is past its date', () => {
  const { marketo, clock, token } = pretend()
  const id = marketo.create({ lastName: 'A' })
  marketo.delayActivities(10_000)
  marketo.update(id, { lastName: 'B' })
  clock.at += 5_000
  marketo.update(id, { lastName: 'C' })
  const read = (from: string) => marketo.feed.leadChanges({ token: from, fields: ['lastName'] })
  const first = read(token)
  const values = ({ items }: FeedPage) => items.map(({ fields }) => Object(fields?.[0]).newValue)
  assert.deepEqual(values(first), [undefined, 'C'])
  clock.at += 5_000
  const second = read(first.nextPageToken)
  assert.deepEqual([values(second), second.items[0]?.activityDate], [['B'], '2026-03-01T12:00:00Z'])
  assert.deepEqual(values(read(second.nextPageToken)), [])
  // A token that is asked for now knows nothing dated before it.
  const floor = START + 5_000
  assert.deepEqual(values(read(marketo.feed.tokenSince(floor))), ['C'])
  assert.deepEqual(
    marketo.log.all().map(({ visibleAt }) => visibleAt - START),
    [0, 10_000, 5_000],
  )
})

test('a token takes in its whole first second', () => {
  const { marketo, clock } = pretend()
  marketo.create({ lastName: 'A' })
  clock.at = Date.parse('2026-03-01T12:00:01Z')
  marketo.create({ lastName: 'B' })
  const ids = (since: number) =>
    marketo.feed
      .activities({ token: marketo.feed.tokenSince(since), typeIds: [12] })
      .items.map(({ leadId }) => leadId)
  assert.deepEqual(ids(START + 299), [1001, 1002])
  assert.deepEqual(ids(START + 300), [1002])
})

test('pages are short, empty or backwards when the knobs say so, and lose nothing', () => {
  const { marketo, token } = pretend({
    knobs: { pageItemsMax: 3, emptyPageEvery: 2, reversePages: true },
  })
  for (let at = 0; at < 7; at += 1) marketo.create({ lastName: `L${at}` })
  const pages: number[][] = []
  for (let next = token, more = true; more && pages.length < 20; ) {
    const page = marketo.feed.activities({ token: next, typeIds: [12] })
    pages.push(page.items.map(({ leadId }) => leadId))
    next = page.nextPageToken
    more = page.moreResult
  }
  assert.deepEqual(pages, [[1003, 1002, 1001], [], [1006, 1005, 1004], [], [1007]])
})

test('a token is refused when it is made up, too old, or lost', () => {
  const { marketo, clock, token } = pretend({ knobs: { pagingTokenLifetimeMs: 60_000 } })
  const read = (from: string) => marketo.feed.deletedLeads({ token: from })
  assert.throws(() => read('ABC===='), { code: '1003' })
  clock.at += 60_000
  read(token)
  clock.at += 1_000
  assert.throws(() => read(token), { code: '1003' })
  const fresh = marketo.feed.tokenSince(clock.at)
  marketo.feed.expireTokens()
  assert.throws(() => read(fresh), { code: '1003' })
})

test('changes of one person are found in a long log, in pages that may be empty', () => {
  const { marketo, token } = pretend()
  const [ann, bo] = [marketo.create({ lastName: 'Ek' }), marketo.create({ lastName: 'Alm' })]
  for (let at = 0; at < 10_500; at += 1) marketo.update(ann, { title: String(at) })
  marketo.update(bo, { title: 'x' })
  const first = marketo.feed.leadChanges({ token, fields: ['title'], leadIds: [bo] })
  assert.deepEqual([first.items.length, first.moreResult], [1, true])
  const second = marketo.feed.leadChanges({
    token: first.nextPageToken,
    fields: ['title'],
    leadIds: [bo],
  })
  assert.deepEqual([second.items.length, second.moreResult], [1, false])
})

test('long values are cut in the log and whole in the person', () => {
  const { marketo, seen } = pretend()
  const id = marketo.create({})
  marketo.update(id, { address: 'x'.repeat(300) })
  assert.equal(String(marketo.people.get(id)?.address).length, 300)
  assert.deepEqual(seen([13])[0]?.attributes[0], { name: 'New Value', value: 'x'.repeat(255) })
})

test('activities have keys that never repeat and integer ids that do', () => {
  const marketo = new Subscription()
  for (let at = 0; at < 2_000; at += 1) marketo.create({})
  const log = marketo.log.all()
  assert.equal(new Set(log.map(({ guid }) => guid)).size, 2_000)
  assert.ok(new Set(log.map(({ id }) => id)).size < 2_000)
})
