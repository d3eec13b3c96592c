import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { Users } from '../../src/dataverse/users.ts'
import { Unavailable } from '../../src/errors.ts'
import { serviceDefinition } from '../../src/flow-step/service-definition.ts'
import { defaultSelection } from '../../src/person/selection.ts'
import { openRoom } from '../dataverse/room.ts'
import { KEY } from '../http/edge.ts'
import { conforms } from './conforms.ts'
import { chunkOf, nobody, openEndpoints } from './endpoints-rig.ts'

test('a chunk is answered with 201 once the work has it, and again when its token was seen', async (t) => {
  const { post, submissions, log } = await openEndpoints(t)
  const chunk = chunkOf(2)
  conforms('async', chunk)
  const first = await post('submitAsyncAction', chunk)
  assert.deepEqual([first.statusCode, first.json()], [201, { status: 'accepted', people: 2, unreadable: 0 }])
  const again = await post('submitAsyncAction', chunk)
  assert.deepEqual([again.statusCode, again.json().status], [201, 'seen'])
  assert.equal(submissions[0]?.caller, 'marketo')
  assert.doesNotMatch(log(), /secret-|person\d|example\.com/)
})

test('a chunk of 10,000 people and 9 MB is taken whole', async (t) => {
  const { post, submissions } = await openEndpoints(t)
  const payload = JSON.stringify(chunkOf(10_000))
  assert(payload.length > 9_000_000)
  assert.equal((await post('submitAsyncAction', payload)).statusCode, 201)
  const { people, pages = [] } = submissions[0]?.crowd ?? {}
  assert.equal(people, 10_000)
  assert.match(pages.at(-1)?.lines ?? '', /"email":"person9999@example\.com"[^\n]*$/)
})

for (const type of ['application/json; charset=utf-8', 'text/plain', 'application/octet-stream']) {
  test(`a chunk that calls itself ${type} is read as JSON`, async (t) => {
    const { post } = await openEndpoints(t)
    const answer = await post('submitAsyncAction', JSON.stringify(chunkOf(1)), { 'content-type': type })
    assert.equal(answer.statusCode, 201)
  })
}

const REFUSED: readonly [string, string | object, number, string][] = [
  ['no body', '', 400, 'empty-body'],
  ['no JSON', '{', 400, 'malformed-json'],
  ['a list', '[]', 400, 'malformed-body'],
  ['no token', { ...chunkOf(1), token: undefined }, 400, 'missing-member'],
  ['10,001 people', { ...chunkOf(0), objectData: Array(10_001).fill(0) }, 400, 'too-many-people'],
  [
    'a callback to another host',
    { ...chunkOf(1), callbackUrl: 'https://evil.example/' },
    400,
    'callback-refused',
  ],
  [
    'a callback to this machine',
    { ...chunkOf(1), callbackUrl: 'http://127.0.0.1/' },
    400,
    'callback-refused',
  ],
  ['13 MB', ' '.repeat(13 * 1_024 * 1_024), 413, 'body-too-large'],
]
for (const [what, payload, status, code] of REFUSED) {
  test(`a chunk with ${what} is refused with ${code}, and the work does not hear of it`, async (t) => {
    const { post, submissions, log } = await openEndpoints(t)
    const answer = await post('submitAsyncAction', payload)
    assert.deepEqual([answer.statusCode, answer.json().code], [status, code])
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
    assert.equal(submissions.length, 0)
    assert.doesNotMatch(`${answer.body}${log()}`, /secret-|evil\.example/)
  })
}

/** Begins to send a chunk and stops in the middle. */
async function stopSending(t: TestContext, url: string): Promise<Socket> {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  const head = [
    'POST /flow-step/submitAsyncAction HTTP/1.1',
    'Host: x',
    `x-api-key: ${KEY}`,
    'Content-Length: 99',
    // The answer to it says that the request has begun.
    'Expect: 100-continue',
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  await once(socket, 'data')
  socket.write('{"objectData":[')
  return socket
}

test('a chunk that finds no room is refused with 503, and one that gets room in time is taken', async (t) => {
  const { app, post, submissions, log } = await openEndpoints(t)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const stopped = [await stopSending(t, url), await stopSending(t, url)]
  const refused = await post('submitAsyncAction', chunkOf(1))
  assert.deepEqual([refused.statusCode, refused.json().code], [503, 'too-many-uploads'])
  assert.equal(refused.headers['retry-after'], '5')
  assert.match(log(), /"level":"warn"[^\n]*"event":"request-refused"[^\n]*"too-many-uploads"/)
  for (const socket of stopped) socket.destroy()
  assert.equal((await post('submitAsyncAction', chunkOf(1))).statusCode, 201)
  assert.equal(submissions.length, 1)
})

const GUARDED = [
  'POST submitAsyncAction',
  'POST getPicklist',
  'GET getServiceDefinition',
  'GET status',
] as const
for (const name of GUARDED) {
  test(`${name} wants a key`, async (t) => {
    const { app } = await openEndpoints(t)
    const [method, path] = name.split(' ')
    const answer = await app.inject({ method: method === 'GET' ? 'GET' : 'POST', url: `/flow-step/${path}` })
    assert.equal(answer.statusCode, 401)
  })
}

test('the definition is that of the field selection', async (t) => {
  const { get } = await openEndpoints(t)
  const answer = await get('getServiceDefinition')
  assert.equal(answer.statusCode, 200)
  assert.match(String(answer.headers['content-type']), /^application\/json/)
  assert.deepEqual(answer.json(), JSON.parse(JSON.stringify(serviceDefinition(defaultSelection()))))
})

test('the status is what the checks find', async (t) => {
  const { get } = await openEndpoints(t)
  const answer = await get('status')
  assert.deepEqual(
    [answer.statusCode, answer.json()],
    [200, { info: ['Store: available.'], warnings: [], errors: [] }],
  )
  conforms('serviceStatus', answer.json())
})

test('Sync As offers lead and contact in every language', async (t) => {
  const { post } = await openEndpoints(t)
  const answer = await post('getPicklist', { name: 'syncAs', type: 'flow', fieldMappingContext: {} })
  conforms('picklistObject', answer.json())
  const { choices } = answer.json()
  assert.deepEqual(
    choices.map(({ submittedValue, displayValue }: Record<string, Record<string, string>>) => [
      submittedValue,
      displayValue?.de_DE,
    ]),
    [
      ['lead', 'Lead'],
      ['contact', 'Kontakt'],
    ],
  )
})

test('Assign To offers the users of Dynamics by name and address, and sends their id', async (t) => {
  await using room = await openRoom()
  const { post } = await openEndpoints(t, room.users)
  const answer = await post('getPicklist', { name: 'assignTo', type: 'flow' })
  conforms('picklistObject', answer.json())
  const { choices } = answer.json()
  assert.deepEqual(
    choices.map(({ displayValue }: { displayValue: Record<string, string> }) => displayValue.en_US),
    ['Mia Manager (mia.manager@contoso.example)', 'Sam Sales (sam.sales@contoso.example)'],
  )
  const owner = await room.owners.resolve(choices[0].submittedValue, { signal: new AbortController().signal })
  assert.equal(owner.kind, 'systemuser')
})

test('a list of choices has 1,000 at most, which is all that Marketo takes', async (t) => {
  const users = Array.from({ length: 1_500 }, (_, index) => ({ id: `id-${index}`, name: `User ${index}` }))
  const { post } = await openEndpoints(t, { list: async () => users })
  const { choices } = (await post('getPicklist', { name: 'assignTo', type: 'flow' })).json()
  assert.deepEqual([choices.length, choices[999].displayValue.ja_JP], [1_000, 'User 999'])
})

const NO_CHOICES: readonly [string, string | object, Users, number, string][] = [
  ['another attribute', { name: 'outcome', type: 'flow' }, nobody, 400, 'unknown-picklist'],
  ['no name', {}, nobody, 400, 'unknown-picklist'],
  ['a text', '"x"', nobody, 400, 'unknown-picklist'],
  ['no JSON', 'x', nobody, 400, 'malformed-json'],
  [
    'users while Dynamics is away',
    { name: 'assignTo' },
    { list: () => Promise.reject(new Unavailable('away')) },
    503,
    'vendor-unavailable',
  ],
]
for (const [what, payload, users, status, code] of NO_CHOICES) {
  test(`asking for the choices of ${what} is answered with ${code}`, async (t) => {
    const { post } = await openEndpoints(t, users)
    const answer = await post('getPicklist', payload)
    assert.deepEqual([answer.statusCode, answer.json().code], [status, code])
  })
}

test('the document needs no key and gives the public address', async (t) => {
  const known = await openEndpoints(t, nobody, 'https://sync.example.com')
  const document = (await known.get('openapi.json', {})).json()
  assert.deepEqual(document.servers, [{ url: 'https://sync.example.com/flow-step' }])
  assert.equal(document.info.version, '1.2.3')
})

test('every path of the document is an endpoint', async (t) => {
  const { app, get } = await openEndpoints(t)
  const { paths } = (await get('openapi.json')).json()
  for (const [path, item] of Object.entries<object>(paths)) {
    for (const method of Object.keys(item)) {
      assert(app.hasRoute({ method: method === 'get' ? 'GET' : 'POST', url: `/flow-step${path}` }), path)
    }
  }
})

for (const [path, side] of [
  ['brandIcon', 64],
  ['serviceIcon', 32],
] as const) {
  test(`the ${path} is a PNG of ${side} by ${side}, without a key`, async (t) => {
    const { get } = await openEndpoints(t)
    const { statusCode, headers, rawPayload } = await get(path, {})
    assert.deepEqual([statusCode, headers['content-type']], [200, 'image/png'])
    assert.deepEqual([...rawPayload.subarray(1, 4)], [...Buffer.from('PNG')])
    assert.deepEqual([rawPayload.readUInt32BE(16), rawPayload.readUInt32BE(20)], [side, side])
  })
}

test('the instructions are a page that runs nothing', async (t) => {
  const { get } = await openEndpoints(t, nobody, 'https://step.example')
  const { headers, body } = await get('providerInstructions')
  assert.match(String(headers['content-type']), /^text\/html/)
  assert.match(String(headers['content-security-policy']), /default-src 'none'/)
  assert.doesNotMatch(body, /<script/)
  assert.match(body, /<code>https:\/\/step\.example\/flow-step\/openapi\.json<\/code>/)
})

test('without PUBLIC_URL the documents name the address of the service, whatever host was asked for', async (t) => {
  const { app, get } = await openEndpoints(t)
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  for (const path of ['openapi.json', 'providerInstructions']) {
    const { body } = await get(path, { host: 'evil.example', 'x-forwarded-host': 'evil.example' })
    assert.doesNotMatch(body, /evil/, path)
    assert(body.includes(`${address}/flow-step`), path)
  }
})
