import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempDisposable } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { startSandbox } from '../../sandbox/index.ts'
import { KEY } from '../child-service.ts'
import { type Cost, startWatched } from './watched.ts'

/** Bodies that are made to cost as much memory or time as they can, by a caller with a key. `npm run test:long`. */

interface Bounds {
  grownMb: number
  heldMs: number
}
const OF_ONE: Bounds = { grownMb: 80, heldMs: 200 }
/** Of hundreds of connections at the same time, which cost something themselves. */
const OF_MANY: Bounds = { grownMb: 120, heldMs: 400 }
const CHUNK_BYTES = 16 * 1_024 * 1_024
const WEBHOOK_BYTES = 1_024 * 1_024
const PEOPLE = 10_000
const STEP = '/flow-step/submitAsyncAction'
const WEBHOOK = '/webhooks/marketo/sync-person-to-microsoft'

const HEAD = JSON.stringify({
  token: 'token',
  apiCallBackKey: 'key',
  campaignId: 1,
  callbackUrl: 'http://127.0.0.1:9/',
  context: { subscription: { munchkinId: '123-ABC-456' }, campaign: { type: 'batch' } },
}).slice(0, -1)

/** A chunk of so many bytes, filled by `part` over and over. */
function chunk(before: string, part: string, after: string, bytes = CHUNK_BYTES): string {
  const start = `${HEAD},${before}`
  return `${start}${fill(part, bytes - start.length - after.length)}${after}`
}

function fill(part: string, bytes: number): string {
  return part.repeat(Math.floor(bytes / part.length))
}

/** As many people as may come, of as many bytes as fit; each has `part` as often as there is room. */
function people(before: string, part: string, after: string): string {
  const room = Math.floor((CHUNK_BYTES - HEAD.length - 100) / PEOPLE)
  const items = Array.from({ length: PEOPLE }, (_, index) => {
    const start = `{"objectContext":{"id":${index + 1},"email":"p${index}@example.com",${before}`
    return `${start}${fill(part, room - start.length - after.length - 3)}${after}}}`
  })
  return `${HEAD},"objectData":[${items.join(',')}]}`
}

/** What is sent, where, and what it is answered with. */
type Attack = [what: string, path: string, body: () => string, status: number, code?: string]

const REFUSED: readonly Attack[] = [
  [
    'one person of empty lists',
    STEP,
    () => chunk('"objectData":[[', '[],', '[]]]}'),
    413,
    'person-too-large',
  ],
  ['one person of one text', STEP, () => chunk('"objectData":["', 'x', '"]}'), 413, 'person-too-large'],
  ['millions of people', STEP, () => chunk('"objectData":[', '0,', '0]}'), 400, 'too-many-people'],
  ['lists beside the people', STEP, () => chunk('"a":[', '[],', '[]]}'), 413, 'person-too-large'],
  [
    'a long name before many lists',
    STEP,
    () => chunk(`"${fill('k', WEBHOOK_BYTES)}":[`, '[],', '[]]}'),
    413,
    'person-too-large',
  ],
  ['many long names', STEP, () => chunk('"a":{', `"${fill('k', 300)}":0,`, '"b":0}}'), 400, 'key-too-long'],
  ['a long number', STEP, () => chunk('"objectData":[0.1', '0', '1]}'), 413, 'person-too-large'],
  ['nothing but brackets', STEP, () => fill('[', CHUNK_BYTES), 400, 'too-deep'],
  ['nothing but blanks', STEP, () => fill('\n', CHUNK_BYTES), 413, 'person-too-large'],
  ['a webhook of empty lists', WEBHOOK, () => `{"a":[${fill('[],', WEBHOOK_BYTES - 20)}[]]}`, 400],
  ['a webhook with a long number', WEBHOOK, () => `{"a":0.1${fill('0', WEBHOOK_BYTES - 20)}1}`, 400],
  ['a webhook of many members', WEBHOOK, () => `{${members(70_000)}}`, 400, 'too-many-members'],
  ['a webhook of line breaks', WEBHOOK, () => `{${fill('\n', WEBHOOK_BYTES - 20)}!`, 400],
  ['a webhook of quotes and blanks', WEBHOOK, () => `{"a":${fill(':[ ""', WEBHOOK_BYTES - 20)}`, 400],
  ['a webhook of braces', WEBHOOK, () => `{"email":"${fill('{{lead. ', WEBHOOK_BYTES - 20)}"}`, 400],
  ['a webhook of blanks in a form', WEBHOOK, () => `a=${fill(' ', WEBHOOK_BYTES - 20)}b`, 400],
]

function members(count: number): string {
  return Array.from({ length: count }, (_, index) => `"m${index}":0`).join(',')
}

const TAKEN: readonly Attack[] = [
  ['people of empty lists', STEP, () => people('"x":[', '[],', '[]]'), 201],
  ['people of escapes', STEP, () => people('"mktoPersonNotes":"', '\\u00e9', '"'), 201],
]

/** The service against a sandbox; `work` gets a way to send, and what it costs is reported and judged. */
async function attacked(
  name: string,
  work: (service: Awaited<ReturnType<typeof startWatched>>) => Promise<void>,
  environment: Record<string, string> = {},
  bounds = OF_ONE,
): Promise<void> {
  await using sandbox = await startSandbox()
  await using directory = await mkdtempDisposable(join(tmpdir(), 'sync-person-attack-'))
  await using service = await startWatched({
    ...sandbox.environment(),
    DATA_DIR: directory.path,
    SYNC_INTERVAL_SECONDS: '0',
    BATCH_CONCURRENCY: '1',
    ...environment,
  })
  // What every first request costs is no attack.
  for (let index = 0; index < 50; index += 1) {
    const person = {
      marketoId: index + 1,
      email: `early${index}@example.com`,
      lastName: 'Ek',
      company: 'Ek AB',
    }
    assert.equal((await send(service.url, WEBHOOK, JSON.stringify(person))).status, 200)
  }
  const chunk = JSON.parse(`${HEAD},"token":"early","objectData":[]}`)
  const item = { objectType: 'none', objectContext: { id: 1, note: 'x'.repeat(1_000) } }
  const early = JSON.stringify({ ...chunk, objectData: Array(1_000).fill(item) })
  assert.equal((await send(service.url, STEP, early)).status, 201)
  report(name, await service.costOf(() => work(service)), bounds)
}

function report(name: string, { grownMb, heldMs, lateMs }: Cost, bounds: Bounds): void {
  console.log(
    `${name}: ${grownMb.toFixed(0)} MB more, event loop held for ${heldMs.toFixed(0)} ms at most (${lateMs.toFixed(0)} ms by the clock)`,
  )
  assert(grownMb <= bounds.grownMb, `memory grew by ${grownMb} MB`)
  assert(heldMs <= bounds.heldMs, `the event loop was held for ${heldMs} ms`)
}

async function send(url: string, path: string, body: string): Promise<{ status: number; code?: string }> {
  const form = body.startsWith('a=')
  const type = form ? 'application/x-www-form-urlencoded' : 'application/json'
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'x-api-key': KEY, 'content-type': type },
    body,
  })
  const answer = (await response.json()) as { code?: string }
  return { status: response.status, ...(answer.code !== undefined && { code: answer.code }) }
}

test('bodies that are refused cost little', async () => {
  await attacked('bodies that are refused', async ({ url, costOf }) => {
    for (const [what, path, body, status, code] of REFUSED) {
      const sent = body()
      const cost = await costOf(async () => {
        const answer = await send(url, path, sent)
        assert.equal(answer.status, status, `${what}: ${answer.code}`)
        if (code !== undefined) assert.equal(answer.code, code, what)
      })
      report(what, cost, OF_ONE)
    }
  })
})

for (const [what, path, body, status] of TAKEN) {
  test(`${what} cost little although they are taken`, async () => {
    const sent = body()
    await attacked(what, async ({ url }) => assert.equal((await send(url, path, sent)).status, status))
  })
}

const REQUEST_TIMEOUT_MS = 3_000
const FLOODS: readonly [what: string, uploads: number, path: string, body: () => string, part: number][] = [
  ['60 chunks that do not end', 60, STEP, () => people('"x":[', '[],', '[]]'), 0.999],
  ['300 webhooks that do not end', 300, WEBHOOK, () => personOf(WEBHOOK_BYTES), 0.999],
  ['300 webhooks of 1 MB', 300, WEBHOOK, () => personOf(WEBHOOK_BYTES), 1],
]

/** One person of about so many bytes, in fields that are there. */
function personOf(bytes: number): string {
  const texts = ['firstName', 'lastName', 'company', 'title', 'city', 'country', 'address', 'mktoPersonNotes']
  const room = Math.floor(bytes / texts.length) - 100
  const fields = texts.map((name) => [name, fill('x', Math.min(room, 31_000))])
  const start = JSON.stringify({ marketoId: 1, email: 'a@b.c', ...Object.fromEntries(fields) })
  return `${start.slice(0, -1)}${fill(' ', bytes - start.length)}}`
}

for (const [what, count, path, body, part] of FLOODS) {
  test(`${what} cost as much as a few, disturb nobody and are ended`, async () => {
    const bytes = Buffer.from(body())
    await attacked(
      what,
      async ({ url }) => {
        const begin = () => beginUpload(url, path, bytes, Math.floor(bytes.length * part))
        let answers: string[] | undefined
        const ended = Promise.all(Array.from({ length: count }, begin)).then((all) => {
          answers = all
        })
        for (let index = 0; answers === undefined; index += 1) {
          const fields = { marketoId: 1_000 + index, lastName: 'Ek', company: 'Ek AB' }
          const person = JSON.stringify({ email: `late${index}@example.com`, ...fields })
          assert.equal((await send(url, WEBHOOK, person)).status, 200)
        }
        await ended
        const refused = answers.filter((answer) => answer.startsWith('HTTP/1.1 503 '))
        for (const answer of answers) assert.match(answer, part < 1 ? UNTAKEN : ANY, answer)
        // A fast machine answers complete ones before the room is used up.
        if (part < 1 && path !== STEP) assert(refused.length > 0, 'some were refused')
      },
      { HTTP_REQUEST_TIMEOUT_MS: String(REQUEST_TIMEOUT_MS) },
      count > 100 ? OF_MANY : OF_ONE,
    )
  })
}

/** An answer that meets a connection that is reset is gone. */
const UNTAKEN = /^(?:HTTP\/1\.1 (?:408|503) |$)/
const ANY = /^(?:HTTP\/1\.1 (?:200|408|503) |$)/

/** Sends so much of a body; gives what it is answered with. */
async function beginUpload(url: string, path: string, body: Buffer, bytes: number): Promise<string> {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  const answer = text(socket).catch(() => '')
  await once(socket, 'connect')
  const head = [`POST ${path} HTTP/1.1`, 'Host: x', `x-api-key: ${KEY}`, 'Connection: close']
  socket.write(`${head.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n`)
  socket.write(body.subarray(0, bytes))
  return answer
}
