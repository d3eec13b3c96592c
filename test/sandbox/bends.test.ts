import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Bend, startSandbox } from '../../sandbox/index.ts'
import { type Client, connect, requestToken, send } from './client.ts'

const ID = '0b1d7c5e-6c0a-5f1e-9d56-0a2f3f6f8b11'

type How = Bend['how']

/** What the client saw of a create: a status, or that the reply broke. */
async function create(client: Client): Promise<string> {
  try {
    const answer = await fetch(`${client.sandbox.dataverse.url}/api/data/v9.2/leads`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${client.token}`,
        'content-type': 'application/json',
        prefer: 'return=representation',
      },
      body: JSON.stringify({ leadid: ID, lastname: 'Ek' }),
      signal: AbortSignal.timeout(400),
    })
    const text = await answer.text()
    const isHtml = answer.headers.get('content-type')?.startsWith('text/html')
    if (isHtml) return `${answer.status} html`
    JSON.parse(text)
    return String(answer.status)
  } catch (error) {
    return error instanceof Error && error.name === 'SyntaxError'
      ? 'cut'
      : error instanceof Error && error.name === 'TimeoutError'
        ? 'hung'
        : 'broken'
  }
}

const bends: [how: How, seen: string, commits: number, status: number][] = [
  [{ kind: 'fail-before-commit' }, '503', 0, 503],
  [{ kind: 'fail-before-commit', status: 500 }, '500', 0, 500],
  [{ kind: 'reset-before-commit' }, 'broken', 0, 0],
  [{ kind: 'reset-after-commit' }, 'broken', 1, 0],
  [{ kind: 'cut-body-after-commit' }, 'broken', 1, 0],
  [{ kind: 'cut-body-after-commit', ending: 'clean' }, 'cut', 1, 0],
  [{ kind: 'hang-before-commit' }, 'hung', 0, 0],
  [{ kind: 'hang-after-commit' }, 'hung', 1, 0],
  [{ kind: 'drip-after-commit', gapMs: 50 }, 'hung', 1, 201],
  [{ kind: 'html-502-before-commit' }, '502 html', 0, 502],
  [{ kind: 'html-502-after-commit' }, '502 html', 1, 502],
  [{ kind: 'commit-late', afterMs: 60_000 }, 'broken', 0, 0],
  [{ kind: 'commit-late', afterMs: 60_000, answer: '504' }, '504 html', 0, 504],
  [{ kind: 'unauthorized' }, '401', 0, 401],
  [{ kind: 'deadlock' }, '500', 0, 500],
  [{ kind: 'error', status: 403, code: '0x80040220', message: 'no' }, '403', 0, 403],
]
for (const [how, seen, commits, status] of bends) {
  test(`${JSON.stringify(how)}: the client sees "${seen}" and ${commits} rows are committed, once`, async () => {
    await using client = await connect()
    const { dataverse } = client.sandbox
    dataverse.bend({ operation: 'create', how })
    assert.equal(await create(client), seen)
    assert.deepEqual([dataverse.commits.length, dataverse.calls.at(-1)?.status], [commits, status])
    assert.equal(await create(client), commits === 1 ? '412' : '201')
    assert.equal(dataverse.rows('lead').length, 1)
  })
}

test('a drip ends in a whole body for a client with patience', async () => {
  await using client = await connect()
  client.sandbox.dataverse.bend({ how: { kind: 'drip-after-commit', gapMs: 1 } })
  assert.equal(Array.isArray((await client.send('GET', 'leads?$select=leadid')).json?.value), true)
})

test('a late commit lands on its own, unless its id was taken meanwhile', async () => {
  for (const taken of [false, true]) {
    await using client = await connect()
    const { dataverse } = client.sandbox
    dataverse.bend({ operation: 'create', how: { kind: 'commit-late', afterMs: 60 } })
    assert.equal(await create(client), 'broken')
    if (taken) assert.equal(await create(client), '201')
    while (dataverse.commits.length === 0) await client.send('GET', 'WhoAmI')
    await client.send('GET', 'WhoAmI')
    assert.equal(dataverse.commits.length, 1)
  }
})

test('a bend waits for the request it is meant for, in the order they were given', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const error = (status: number): How => ({ kind: 'error', status, code: '0x0', message: '' })
  dataverse.bend({ operation: 'metadata', how: error(501) })
  dataverse.bend({ operation: 'batch', how: error(502) })
  dataverse.bend({ method: 'PATCH', how: error(503) })
  dataverse.bend({ operation: 'read', path: /contacts/, how: error(504) })
  dataverse.bend({ path: '^/api/data/v9\\.2/leads\\?', how: error(505) })
  dataverse.bend({ operation: 'create', how: error(506) })
  dataverse.bend({ operation: 'create', how: error(507) })
  const status = async (method: string, path: string) =>
    (await client.send(method, path, method === 'GET' ? undefined : {})).status
  assert.deepEqual(
    [
      await status('GET', `leads(${ID})`),
      await status('POST', 'leads'),
      await status('POST', 'leads'),
      await status('POST', 'leads'),
      await status('GET', 'contacts'),
      await status('GET', 'leads?$top=1'),
      await status('PATCH', `leads(${ID})`),
      await status('POST', '%24batch'),
      await status('GET', 'EntityDefinitions'),
    ],
    [404, 506, 507, 204, 504, 505, 503, 502, 501],
  )
})

test('each kind of throttling carries its code and Retry-After as it was given', async () => {
  await using client = await connect()
  const date = new Date(Date.now() + 60_000).toUTCString()
  for (const [code, retryAfter] of [
    ['0x80072321', '120'],
    ['0x80072322', date],
    ['0x80072326', '5'],
  ] as const) {
    client.sandbox.dataverse.bend({ how: { kind: 'throttle', code, retryAfter } })
    const answer = await client.send('GET', 'WhoAmI')
    assert.deepEqual([answer.status, answer.code, answer.headers.get('retry-after')], [429, code, retryAfter])
  }
})

test('a reset forgets rows, calls, commits, bends, drift and late commits, and keeps the stock rows', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  dataverse.bend({ operation: 'create', how: { kind: 'commit-late', afterMs: 50 } })
  const due = Date.now() + 60
  const cut = create(client)
  dataverse.bend({ operation: 'metadata', how: { kind: 'deadlock' } })
  dataverse.changeColumn('lead', 'subject', { remove: true })
  await cut
  dataverse.reset()
  assert.deepEqual([dataverse.calls, dataverse.commits, dataverse.rows('lead')], [[], [], []])
  while (Date.now() < due) await client.send('GET', 'WhoAmI')
  assert.deepEqual(dataverse.commits, [])
  assert.equal((await client.send('GET', 'EntityDefinitions')).status, 200)
  assert.equal((await client.send('POST', 'leads', { subject: 's' })).status, 204)
  assert.equal(dataverse.rows('systemuser').length, 4)
})

test('limits refuse with the code that fits, with a Retry-After that grows while the client pushes', async () => {
  await using sandbox = await startSandbox({ limits: { requestsPerWindow: 3, windowMs: 60_000 } })
  const token = await requestToken(sandbox)
  const answers = []
  for (let at = 0; at < 6; at += 1) answers.push(await send(sandbox, token, 'GET', 'WhoAmI'))
  assert.deepEqual(
    answers.map(({ code }) => code),
    [undefined, undefined, undefined, '0x80072322', '0x80072322', '0x80072322'],
  )
  const waits = answers.slice(3).map(({ headers }) => Number(headers.get('retry-after')))
  assert.ok(
    waits.every((wait, at) => at === 0 || wait > (waits[at - 1] ?? 0)),
    String(waits),
  )
  sandbox.dataverse.setLimits({ requestsPerWindow: 8000, executionMsPerWindow: 0 })
  assert.equal((await send(sandbox, token, 'GET', 'WhoAmI')).code, '0x80072321')
})

test('too many requests at once are refused at once', async () => {
  await using sandbox = await startSandbox({ replyDelayMs: 50, limits: { concurrentMax: 2 } })
  const token = await requestToken(sandbox)
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => send(sandbox, token, 'POST', 'leads', {})),
  )
  assert.deepEqual(answers.map(({ code }) => code ?? 'ok').sort(), [
    '0x80072326',
    '0x80072326',
    '0x80072326',
    'ok',
    'ok',
  ])
  assert.equal(sandbox.dataverse.commits.length, 2)
  assert.equal((await send(sandbox, token, 'GET', 'WhoAmI')).status, 200)
})

test('replies carry the recorded headers', async () => {
  await using client = await connect()
  const doubled = []
  for (let at = 0; at < 3; at += 1) {
    const { headers } = await client.send('GET', 'WhoAmI')
    doubled.push(headers.get('x-ms-service-request-id')?.split(',').length)
    assert.match(headers.get('x-ms-ratelimit-time-remaining-xrm-requests') ?? '', /^1,\d{3}\.\d\d$/)
    assert.match(headers.get('x-ms-ratelimit-burst-remaining-xrm-requests') ?? '', /^79\d\d$/)
    assert.match(headers.get('set-cookie') ?? '', /^ARRAffinity=/)
    assert.equal(headers.get('x-ms-dop-hint'), '4')
    assert.ok(headers.get('req_id'))
  }
  assert.deepEqual(doubled.sort(), [1, 1, 2])
})
