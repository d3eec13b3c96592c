import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempDisposable } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { startSandbox } from '../../src/sandbox/index.ts'
import { KEY } from '../child-service.ts'
import { type Cost, startWatched } from './watched.ts'

/** Bodies that are made to cost as much memory or time as they can, by a caller with a key. `npm run test:long`. */

const GROWN_MB_MAX = 80
const HELD_MS_MAX = 200
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
  report(name, await service.costOf(() => work(service)))
}

function report(name: string, { grownMb, heldMs, lateMs }: Cost): void {
  console.log(
    `${name}: ${grownMb.toFixed(0)} MB more, event loop held for ${heldMs.toFixed(0)} ms at most (${lateMs.toFixed(0)} ms by the clock)`,
  )
  assert(grownMb <= GROWN_MB_MAX, `memory grew by ${grownMb} MB`)
  assert(heldMs <= HELD_MS_MAX, `the event loop was held for ${heldMs} ms`)
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
      report(what, cost)
    }
  })
})

for (const [what, path, body, status] of TAKEN) {
  test(`${what} cost little although they are taken`, async () => {
    const sent = body()
    await attacked(what, async ({ url }) => assert.equal((await send(url, path, sent)).status, status))
  })
}

const UNFINISHED = 60
const REQUEST_TIMEOUT_MS = 3_000

test('60 uploads that do not end cost as much as a few, disturb nobody and are ended', async () => {
  const body = Buffer.from(people('"x":[', '[],', '[]]')).subarray(0, -10)
  await attacked(
    `${UNFINISHED} unfinished uploads`,
    async ({ url }) => {
      const uploads = Array.from({ length: UNFINISHED }, () => beginUpload(url, body))
      let answers: string[] | undefined
      const ended = Promise.all(uploads).then((all) => {
        answers = all
      })
      for (let index = 0; answers === undefined; index += 1) {
        const person = {
          marketoId: 1_000 + index,
          email: `late${index}@example.com`,
          lastName: 'Ek',
          company: 'Ek',
        }
        assert.equal((await send(url, WEBHOOK, JSON.stringify(person))).status, 200)
      }
      await ended
      for (const answer of answers) assert.match(answer, /^(?:HTTP\/1\.1 (?:408|503) |$)/)
    },
    { HTTP_REQUEST_TIMEOUT_MS: String(REQUEST_TIMEOUT_MS) },
  )
})

/** Sends all of a chunk but its end; gives what it is answered with, if that arrives before the connection is reset. */
async function beginUpload(url: string, body: Buffer): Promise<string> {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  const answer = text(socket).catch(() => '')
  await once(socket, 'connect')
  socket.write(
    `POST ${STEP} HTTP/1.1\r\nHost: x\r\nx-api-key: ${KEY}\r\nContent-Length: ${body.length + 10}\r\n\r\n`,
  )
  socket.write(body)
  return answer
}
