import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { createChanges } from '../../src/dataverse/changes.ts'
import type { DataverseSettings } from '../../src/dataverse/settings.ts'
import { Busy, Rejected, Unauthorized, Unavailable } from '../../src/errors.ts'
import { guid } from './batch-rig.ts'
import { type Answer, bareClient, call, inTurn, json, refusal, scriptedServer } from './rig.ts'

const root = '/api/data/v9.2/'
const delta = `${root}leads?$select=leadid,lastname&$deltatoken=919042%2108%2f22%2f2026%2008%3a10%3a44`
const skip = `${root}leads?$select=leadid,lastname&$skiptoken=%3Ccookie%20pagenumber=%222%22%20istracking=%22True%22%20/%3E`
const lead = (count: number) => ({
  '@odata.etag': `W/"${count}"`,
  leadid: guid(count),
  lastname: `Ng ${count}`,
})
const tombstone = (id: string, more: object = {}) => ({
  '@odata.context': 'https://contoso.invalid/api/data/v9.2/$metadata#leads/$deletedEntity',
  id,
  reason: 'deleted',
  ...more,
})

async function changesOf(answer: (origin: string) => Answer, settings: Partial<DataverseSettings> = {}) {
  const stack = new AsyncDisposableStack()
  let scripted: Answer = () => undefined
  const server = stack.use(await scriptedServer((response, seen) => scripted(response, seen)))
  scripted = answer(server.origin)
  const rig = stack.use(bareClient(server.origin, settings))
  const changes = createChanges({ ...rig, origin: server.origin })
  return { changes, server, ...rig, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const page = (value: unknown, links: object = { '@odata.deltaLink': delta }): Answer =>
  json(200, { '@odata.context': 'x', value, ...links }, { REQ_ID: 'req-7' })

const codeOf = (code: string) => (error: unknown) => error instanceof Rejected && error.detail.code === code

const VERSION = 'odata.include-annotations="Microsoft.Dynamics.CRM.globalmetadataversion"'

test('a first read asks for tracked pages of the named columns, and follows its own links', async () => {
  await using rig = await changesOf((origin) =>
    inTurn(
      page([lead(1), lead(2)], { '@odata.nextLink': origin + skip }),
      page([lead(3)], { '@odata.deltaLink': origin + delta }),
      page([], { '@odata.deltaLink': origin + delta }),
    ),
  )
  const { origin } = rig.server
  const first = await rig.changes.start('lead', ['lastname', 'lastname'], call)
  assert.deepEqual(first, {
    kind: 'page',
    rows: [1, 2].map((count) => ({
      id: guid(count),
      etag: `W/"${count}"`,
      columns: { leadid: guid(count), lastname: `Ng ${count}` },
    })),
    deletedIds: [],
    unreadable: [],
    next: origin + skip,
    more: true,
    vendorRequestId: 'req-7',
  })
  const second = await rig.changes.follow('lead', first.next, call)
  assert.ok(second.kind === 'page' && !second.more)
  assert.equal(second.next, origin + delta)
  const third = await rig.changes.follow('lead', second.next, call)
  assert.ok(third.kind === 'page' && !third.more && third.rows.length === 0)
  assert.deepEqual(
    rig.server.seen.map(({ path, headers }) => [path, headers.prefer, headers['if-none-match']]),
    [
      [
        `${root}leads?$select=leadid,lastname`,
        `odata.track-changes,${VERSION},odata.maxpagesize=2000`,
        'null',
      ],
      [skip, `odata.track-changes,${VERSION},odata.maxpagesize=2000`, 'null'],
      [delta, `${VERSION},odata.maxpagesize=2000`, 'null'],
    ],
  )
})

test('the size of a page is a setting, and a link may be relative', async () => {
  await using rig = await changesOf(() => page([]), { changesPageSize: 7 })
  const { next } = await rig.changes.start('lead', [], call)
  assert.equal(next, rig.server.origin + delta)
  assert.match(String(rig.server.seen[0]?.headers.prefer), /odata\.maxpagesize=7$/)
})

test('tombstones are read in every spelling', async () => {
  const { reason: _, ...withoutReason } = tombstone(guid(3))
  await using rig = await changesOf(() =>
    page([
      tombstone(guid(1)),
      tombstone(guid(2).toUpperCase()),
      withoutReason,
      { id: guid(4), reason: 'deleted' },
      tombstone(`https://contoso.invalid/api/data/v9.2/leads(${guid(5)})`),
      tombstone(`leads(${guid(6).toUpperCase()})`),
      tombstone(guid(1)),
    ]),
  )
  const { deletedIds, rows, unreadable } = await rig.changes.start('lead', [], call)
  assert.deepEqual(deletedIds, [1, 2, 3, 4, 5, 6].map(guid))
  assert.deepEqual([rows, unreadable], [[], []])
})

test('an item that cannot be read is set aside with its id, and the others come through', async () => {
  const odd: [unknown, { id?: string }][] = [
    [null, {}],
    ['x', {}],
    [[], {}],
    [{}, {}],
    [{ '@odata.etag': 'W/"1"', lastname: 'Ng' }, {}],
    [{ '@odata.etag': 'W/"1"', leadid: 'not-a-guid' }, {}],
    [{ '@odata.etag': 'W/"1"', leadid: 7 }, {}],
    [{ '@odata.etag': 'W/"1"', contactid: guid(20) }, {}],
    [{ leadid: guid(21).toUpperCase() }, { id: guid(21) }],
    [{ leadid: guid(22), '@odata.etag': '*' }, { id: guid(22) }],
    [{ leadid: guid(23), '@odata.etag': 'W/"1"\r\nx: y' }, { id: guid(23) }],
    [{ leadid: guid(24), '@odata.etag': 24 }, { id: guid(24) }],
    [tombstone('not-a-guid'), {}],
    [tombstone(`contacts(${guid(25)})`), {}],
    [tombstone(guid(26), { reason: 'changed' }), { id: guid(26) }],
    [tombstone(guid(27), { '@odata.context': 'x#contacts/$deletedEntity' }), { id: guid(27) }],
    [{ reason: 'deleted' }, {}],
  ]
  await using rig = await changesOf(() =>
    page([lead(1), ...odd.map(([item]) => item), lead(2), tombstone(guid(3))]),
  )
  const { rows, deletedIds, unreadable } = await rig.changes.start('lead', [], call)
  assert.deepEqual(
    rows.map(({ id }) => id),
    [guid(1), guid(2)],
  )
  assert.deepEqual(deletedIds, [guid(3)])
  assert.deepEqual(
    unreadable,
    odd.map(([, expected]) => expected),
  )
})

test('a row that is both there and deleted is left to a read', async () => {
  await using rig = await changesOf(() => page([lead(1), lead(2), tombstone(guid(1).toUpperCase())]))
  const { rows, deletedIds, unreadable } = await rig.changes.start('lead', [], call)
  assert.deepEqual([rows.map(({ id }) => id), deletedIds, unreadable], [[guid(2)], [], [{ id: guid(1) }]])
})

const broken: [string, Answer][] = [
  ['without a list', page(undefined)],
  ['whose list is none', page({})],
  ['without a link', page([lead(1)], {})],
  ['whose links are no texts', page([lead(1)], { '@odata.nextLink': 7, '@odata.deltaLink': null })],
  ['that is HTML', (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
  ['cut in the middle', (response) => response.writeHead(200).end('{"value":[{"leadid":"0b1d')],
  ['that is empty', (response) => response.writeHead(200).end()],
  ['that is a list', json(200, [lead(1)])],
  ['that is no content', (response) => response.writeHead(204).end()],
  ['that redirects', (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
  [
    'cut by the network',
    (response) => {
      response.writeHead(200, { 'content-length': '900' })
      response.write('{"value":[],"@odata.deltaLink":"', () => response.socket?.destroy())
    },
  ],
]

for (const [name, answer] of broken) {
  test(`a page ${name} is Unavailable, and nothing is taken from it`, async () => {
    await using rig = await changesOf(() => answer)
    await assert.rejects(rig.changes.start('lead', [], call), Unavailable)
    await assert.rejects(rig.changes.follow('lead', delta, call), Unavailable)
  })
}

test('a page that leads to itself is Unavailable instead of endless', async () => {
  await using rig = await changesOf((origin) => page([lead(1)], { '@odata.nextLink': origin + skip }))
  const { next } = await rig.changes.start('lead', [], call)
  await assert.rejects(rig.changes.follow('lead', next, call), Unavailable)
})

test('a delta link may stay the same while nothing changes', async () => {
  await using rig = await changesOf(() => page([]))
  assert.equal((await rig.changes.follow('lead', delta, call)).kind, 'page')
})

const foreign: [string, (origin: string) => string][] = [
  ['another host', () => `https://evil.invalid${delta}`],
  ['another port', (origin) => `${origin.replace(/\d+$/, '1')}${delta}`],
  ['another scheme', (origin) => `${origin.replace('http', 'https')}${delta}`],
  ['a host that only begins like ours', (origin) => `${origin}.evil.invalid${delta}`],
  ['our host as a user name', (origin) => `${origin}@evil.invalid${delta}`],
  ['a user name', (origin) => `${origin.replace('//', '//ada:secret@')}${delta}`],
  ['a host after two slashes', () => `//evil.invalid${delta}`],
  ['a host after backslashes', () => `\\\\evil.invalid${delta}`],
  ['another service root', () => delta.replace('v9.2', 'v9.1')],
  ['another table', () => delta.replace('leads', 'contacts')],
  ['a table below', () => delta.replace('leads', 'leads/$ref')],
  ['one row', () => delta.replace('leads', `leads(${guid(1)})`)],
  ['a way out of the root', () => delta.replace('leads', 'leads/../../../../admin')],
  ['an encoded way out', () => delta.replace('leads', 'leads/%2e%2e/contacts')],
  ['a fragment', () => `${delta}#x`],
  ['a function of the browser', () => 'javascript:alert(1)'],
  ['nothing', () => ''],
  ['no address', () => 'http://'],
]

for (const [name, linkOf] of foreign) {
  test(`a link to ${name} is refused from an answer, and never followed`, async () => {
    await using rig = await changesOf((origin) =>
      inTurn(
        page([lead(1)], { '@odata.nextLink': linkOf(origin) }),
        page([], { '@odata.deltaLink': linkOf(origin) }),
      ),
    )
    await assert.rejects(rig.changes.start('lead', [], call), codeOf('foreign-link'))
    await assert.rejects(rig.changes.follow('lead', delta, call), codeOf('foreign-link'))
    const kept = linkOf(rig.server.origin)
    const follow = rig.changes.follow('lead', kept, call)
    if (URL.parse(kept, rig.server.origin)?.origin === rig.server.origin) {
      await assert.rejects(follow, codeOf('foreign-link'))
    } else {
      assert.deepEqual(await follow, { kind: 'expired' })
    }
    assert.equal(rig.server.seen.length, 2)
  })
}

test('no link leads the token anywhere but to the rows of the table', async () => {
  const piece = fc.constantFrom(
    'http:',
    'https:',
    '/',
    '//',
    '\\',
    '@',
    ':',
    '#',
    '?',
    '..',
    '%2e',
    'evil.invalid',
    'leads',
    root,
    '\t',
    ' ',
  )
  await using rig = await changesOf(() => page([]))
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 8 }), fc.boolean(), async (pieces, absolute) => {
      const link = (absolute ? rig.server.origin : '') + pieces.join('')
      const before = rig.server.seen.length
      await rig.changes.follow('lead', link, call).catch((error) => assert.ok(codeOf('foreign-link')(error)))
      for (const { path } of rig.server.seen.slice(before))
        assert.match(path, /^\/api\/data\/v9\.2\/leads(\?|$)/)
    }),
    { numRuns: 300 },
  )
})

const expired: [string, Answer][] = [
  ['an expired version stamp', refusal(400, '0x80044352', 'x')],
  ['the same with another status', refusal(500, '0x80044352', 'x')],
  ['the same as 410', refusal(410, '0x80044352', 'x')],
  ['a 410 of another code', refusal(410, '0x8006088a', 'x')],
  ['a column that is no longer there', refusal(400, '0x80060888', 'x')],
  ['a table that is no longer there', refusal(404, '0x80060888', 'x')],
  ['an argument that is refused', refusal(400, '0x80040203', 'x')],
  ['a 400 with an empty code', refusal(400, '', 'x')],
  ['a 400 with the code of nothing', refusal(400, '0x0', 'x')],
]

for (const [name, answer] of expired) {
  test(`${name} expires a link, but is no answer to a first read`, async () => {
    await using rig = await changesOf(() => answer)
    assert.deepEqual(await rig.changes.follow('lead', delta, call), { kind: 'expired' })
    await assert.rejects(rig.changes.start('lead', [], call))
  })
}

const notExpired: [
  string,
  Answer,
  typeof Busy | typeof Rejected | typeof Unauthorized | typeof Unavailable,
][] = [
  ['a plug-in that objects', refusal(400, '0x80040265', 'x'), Rejected],
  ['tracking that is switched off', refusal(400, '0x80072491', 'x'), Rejected],
  ['a missing privilege', refusal(403, '0x80040220', 'x'), Unauthorized],
  ['a throttle', refusal(429, '0x80072322', 'x'), Busy],
  ['an unexpected error', refusal(400, '0x80040216', 'x'), Unavailable],
  ['a 404 of a gateway', (response) => response.writeHead(404).end('<html>'), Unavailable],
  ['a 410 of a gateway', (response) => response.writeHead(410).end('<html>'), Unavailable],
  ['a 400 of a gateway', (response) => response.writeHead(400).end('Bad Request'), Unavailable],
  ['an error of the server', refusal(500, '0x80044151', 'x'), Unavailable],
]

for (const [name, answer, thrown] of notExpired) {
  test(`${name} does not expire a link: ${thrown.name}`, async () => {
    await using rig = await changesOf(() => answer)
    await assert.rejects(rig.changes.follow('lead', delta, call), thrown)
  })
}

test('a column that is not there and tracking that is off say so at the start', async () => {
  const message = "Could not find a property named 'nope' on type 'Microsoft.Dynamics.CRM.lead'."
  await using rig = await changesOf(() =>
    inTurn(refusal(400, '0x80060888', message), refusal(400, '0x80072491', 'x')),
  )
  await assert.rejects(rig.changes.start('lead', ['nope'], call), (error) => {
    assert.ok(error instanceof Rejected)
    assert.deepEqual([error.detail.code, error.detail.field], ['mapping-invalid', 'nope'])
    return true
  })
  await assert.rejects(rig.changes.start('lead', [], call), codeOf('change-tracking-off'))
})

test('a refused token is renewed once', async () => {
  await using rig = await changesOf(() =>
    inTurn((response) => response.writeHead(401).end(), page([lead(1)])),
  )
  assert.equal((await rig.changes.start('lead', [], call)).rows.length, 1)
  assert.equal(rig.server.seen[1]?.headers.authorization, 'Bearer token-2')
})

test('the largest page of 40 full columns fits into one reply', async () => {
  const columns = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [
      `address1_column_${index}`,
      'x'.repeat(index < 2 ? 2_000 : 100),
    ]),
  )
  const rows = Array.from({ length: 2_000 }, (_, count) => ({ ...lead(count), ...columns }))
  await using rig = await changesOf(() => page(rows))
  assert.equal((await rig.changes.start('lead', Object.keys(columns), call)).rows.length, 2_000)
})
