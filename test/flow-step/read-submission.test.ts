import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chunkPages, readChunkPage } from '../../src/flow-step/chunk-body.ts'
import { CrowdBuilder } from '../../src/flow-step/crowd-builder.ts'
import { readSubmission } from '../../src/flow-step/read-submission.ts'
import { Refusal } from '../../src/problem.ts'

const WIRE_NAMES = new Map([
  ['email', 'email'],
  ['lastName', 'lastName'],
  ['annualRevenue', 'annualRevenue'],
  ['person_code', 'code'],
])

/** The submission, with everybody in it as the work reads them. */
function read(body: unknown) {
  const crowd = new CrowdBuilder(WIRE_NAMES, 2)
  const items = (body as { objectData?: unknown } | null)?.objectData
  if (Array.isArray(items)) for (const item of items) crowd.add(item)
  crowd.close()
  const submission = readSubmission({ body, crowd }, 'marketo')
  const pages = [...chunkPages(submission)]
  const read = pages.flatMap((page) =>
    [...readChunkPage(page, page.position, 9)].flatMap(({ items }) => items),
  )
  const {
    crowd: { unreadable },
    choices,
    ...rest
  } = submission
  return {
    ...rest,
    people: read.flatMap((item) => ('person' in item ? [item.person] : [])),
    refused: read.flatMap((item) => ('refused' in item ? [item.refused] : [])),
    unreadable,
  }
}

const lead = (id: unknown, more: object = {}) => ({
  objectType: 'lead',
  objectContext: { id, email: 'ann@example.com' },
  ...more,
})

/** A chunk with everything that Adobe's interface names. */
const FULL = {
  batchid: 'run-1',
  campaignId: 2044,
  token: 'token-1',
  apiCallBackKey: 'key-1',
  callbackUrl: 'https://callback.adobe.io/cfa',
  context: {
    subscription: { munchkinId: '123-ABC-456', prefix: 'contoso', crmSyncStatus: 'disabled' },
    admin: {},
    campaign: { id: 2044, name: 'Hand-over', type: 'trigger' },
    program: { id: 1007, name: 'Spring Fair' },
  },
  objectData: [
    {
      objectType: 'lead',
      objectContext: { id: 4711, email: 'ann@example.com', lastName: 'Ek', annualRevenue: 12.5 },
      flowStepContext: { syncAs: 'contact', assignTo: 'sam@contoso.example' },
      programMemberContext: { id: 1, status: 'Registered' },
      triggeringContext: { name: 'Contact us', triggerName: 'Fills Out Form' },
    },
  ],
}

test('a whole chunk becomes a submission', () => {
  assert.deepEqual(read(FULL), {
    token: 'token-1',
    caller: 'marketo',
    callbackUrl: 'https://callback.adobe.io/cfa',
    callbackKey: 'key-1',
    munchkinId: '123-ABC-456',
    campaign: { id: '2044', name: 'Hand-over', type: 'trigger' },
    program: { id: '1007', name: 'Spring Fair' },
    people: [
      {
        id: 4711,
        fields: { email: 'ann@example.com', lastName: 'Ek', annualRevenue: 12.5 },
        syncAs: 'contact',
        assignTo: 'sam@contoso.example',
        trigger: 'Fills Out Form',
      },
    ],
    refused: [],
    unreadable: 0,
  })
})

/** As little as a chunk may have. */
const BARE = {
  token: 't',
  campaignId: '7',
  callbackUrl: 'https://callback.adobe.io/',
  context: { subscription: { munchkinId: '123-ABC-456' } },
}

test('what is not said is left out, and a chunk may have nobody', () => {
  assert.deepEqual(read(BARE), {
    token: 't',
    caller: 'marketo',
    callbackUrl: 'https://callback.adobe.io/',
    callbackKey: '',
    munchkinId: '123-ABC-456',
    campaign: { id: '7', type: 'batch' },
    people: [],
    refused: [],
    unreadable: 0,
  })
})

test('members that nobody has heard of change nothing, wherever they are', () => {
  const strange = { id: 'x', type: 'y', toString: 1, constructor: {}, nested: { deep: [1, { a: null }] } }
  const [item = {}] = FULL.objectData
  const chunk = {
    ...strange,
    ...FULL,
    context: { ...strange, ...FULL.context },
    objectData: [
      { ...strange, ...item, objectContext: { ...strange, ...FULL.objectData[0]?.objectContext } },
    ],
  }
  assert.deepEqual(read(chunk), read(FULL))
})

const PEOPLE: readonly [string, unknown, object][] = [
  ['an id as text', lead('4711'), { id: 4711, fields: { email: 'ann@example.com' } }],
  ['no objectType', { objectContext: { id: 1 } }, { id: 1, fields: {} }],
  ['an objectType in another case', { objectType: 'Lead', objectContext: { id: 1 } }, { id: 1, fields: {} }],
  [
    'a field under the name that the wire has for it',
    { objectContext: { id: 1, person_code: 'a', code: 'b' } },
    { id: 1, fields: { code: 'a' } },
  ],
  [
    'values of every kind, and what is no value',
    { objectContext: { id: 1, email: null, lastName: '', annualRevenue: '12', person_code: {} } },
    { id: 1, fields: { email: null, lastName: '', annualRevenue: '12' } },
  ],
  [
    'Sync As in another case and with blanks',
    lead(1, { flowStepContext: { syncAs: ' Contact ' } }),
    { id: 1, fields: { email: 'ann@example.com' }, syncAs: 'contact' },
  ],
  [
    'empty choices',
    lead(1, { flowStepContext: { syncAs: '', assignTo: ' ' }, triggeringContext: {} }),
    { id: 1, fields: { email: 'ann@example.com' } },
  ],
  [
    'a number as choice',
    lead(1, { flowStepContext: { assignTo: 12 } }),
    { id: 1, fields: { email: 'ann@example.com' }, assignTo: '12' },
  ],
  [
    'a choice beside the flow step context',
    lead(1, { headers: { assignTo: 'sam@contoso.example' } }),
    { id: 1, fields: { email: 'ann@example.com' }, assignTo: 'sam@contoso.example' },
  ],
]
for (const [what, item, person] of PEOPLE) {
  test(`reads a person with ${what}`, () => {
    assert.deepEqual(read({ ...BARE, objectData: [item] }).people, [person])
  })
}

const UNREADABLE: readonly [string, unknown, string?][] = [
  ['nothing', null],
  ['a text', 'x'],
  ['no person', { objectType: 'lead' }],
  ['no id', lead(undefined)],
  ['an id of 0', lead(0)],
  ['a broken id', lead(1.5)],
  ['an id beyond 2^53', lead(2 ** 53)],
  ['an id that is a word', lead('x1')],
  ['another object', { ...lead(5), objectType: 'company' }, 'object-type-unknown'],
  ['an unknown Sync As', lead(5, { flowStepContext: { syncAs: 'account' } }), 'sync-as-unknown'],
]
for (const [what, item, code] of UNREADABLE) {
  const said = code === undefined ? 'passed over: no callback can name it' : `reported with ${code}`
  test(`an item with ${what} is ${said}, and the others are read`, () => {
    const { people, refused, unreadable } = read({ ...BARE, objectData: [lead(1), item, lead(2)] })
    assert.deepEqual(
      people.map((person) => person.id),
      [1, 2],
    )
    assert.equal(unreadable, 1)
    assert.deepEqual(
      refused.map(({ id, code }) => [id, code]),
      code === undefined ? [] : [[5, code]],
    )
    for (const { advice } of refused) assert.match(advice, /\w/)
  })
}

const SHARED: readonly [string, object][] = [
  ['headers of the context', { context: { ...BARE.context, headers: { assignTo: 'a@contoso.example' } } }],
  ['global attributes', { context: { ...BARE.context, admin: { assignTo: 'a@contoso.example' } } }],
  ['headers of the body', { headers: { assignTo: 'a@contoso.example' } }],
  ['the body itself', { assignTo: 'a@contoso.example' }],
]
for (const [where, more] of SHARED) {
  test(`a value that stands in ${where} counts for everybody who has none`, () => {
    const own = lead(2, { flowStepContext: { assignTo: 'own@contoso.example' } })
    const { people } = read({ ...BARE, ...more, objectData: [lead(1), own] })
    assert.deepEqual(
      people.map(({ assignTo }) => assignTo),
      ['a@contoso.example', 'own@contoso.example'],
    )
  })
}

const triggered = lead(1, { triggeringContext: { triggerName: 'Fills Out Form' } })
const TYPES: readonly [string, unknown, readonly unknown[], 'trigger' | 'batch'][] = [
  ['says trigger', 'trigger', [lead(1)], 'trigger'],
  ['says it in other words', 'Trigger Campaign', [lead(1)], 'trigger'],
  ['says batch', 'batch', [triggered], 'batch'],
  ['says something else, and nobody has a trigger', 'smart', [lead(1)], 'batch'],
  ['says something else, and somebody has a trigger', 'smart', [lead(1), triggered], 'trigger'],
  ['says nothing, and nobody has a trigger', undefined, [lead(1, { triggeringContext: {} })], 'batch'],
  ['says nothing, and somebody has a trigger', undefined, [triggered], 'trigger'],
]
for (const [what, type, objectData, expected] of TYPES) {
  test(`a campaign that ${what} is a ${expected} campaign`, () => {
    const context = { ...BARE.context, campaign: { type } }
    assert.equal(read({ ...BARE, context, objectData }).campaign.type, expected)
  })
}

test('the campaign’s id and the instance’s are found where they stand', () => {
  const { campaignId, context, ...rest } = BARE
  const found = read({ ...rest, munchkinId: 'm', context: { campaign: { id: 9 } } })
  assert.deepEqual([found.campaign.id, found.munchkinId], ['9', 'm'])
})

const REFUSED: readonly [string, unknown, string, string | undefined][] = [
  ['no object', [], 'malformed-body', undefined],
  ['nothing', null, 'malformed-body', undefined],
  ['no token', { ...BARE, token: undefined }, 'missing-member', 'token'],
  ['an empty token', { ...BARE, token: ' ' }, 'missing-member', 'token'],
  ['a token with a line break', { ...BARE, token: 'a\r\nx: y' }, 'invalid-value', 'token'],
  ['a token of 3,000 letters', { ...BARE, token: 'x'.repeat(3_000) }, 'invalid-value', 'token'],
  ['a key with a line break', { ...BARE, apiCallBackKey: 'a\nb' }, 'invalid-value', 'apiCallBackKey'],
  ['no callback address', { ...BARE, callbackUrl: null }, 'missing-member', 'callbackUrl'],
  ['no campaign', { ...BARE, campaignId: undefined }, 'missing-member', 'campaignId'],
  ['no instance', { ...BARE, context: {} }, 'missing-member', 'context.subscription.munchkinId'],
  ['people that are no list', { ...BARE, objectData: {} }, 'invalid-value', 'objectData'],
]
for (const [what, body, code, field] of REFUSED) {
  test(`a chunk with ${what} is refused with ${code}`, () => {
    assert.throws(
      () => read(body),
      (error) => {
        assert(error instanceof Refusal)
        assert.deepEqual([error.status, error.code, error.field], [400, code, field])
        return true
      },
    )
  })
}
