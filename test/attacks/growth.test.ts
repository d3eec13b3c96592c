import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { readBatch } from '../../src/dataverse/batch.ts'
import { explainRefusal } from '../../src/dataverse/refusal.ts'
import { readWebhookBody } from '../../src/flow-action/webhook-body.ts'
import { ListReader } from '../../src/flow-step/list-reader.ts'
import { basicCredentials, createIdentify } from '../../src/http/auth.ts'
import { parseJson } from '../../src/json.ts'
import { createLog, withoutEmails } from '../../src/log.ts'
import { readCallbackAddress } from '../../src/marketo/callback.ts'
import { explainRequest } from '../../src/marketo/refusal.ts'
import { coerce } from '../../src/person/coercion.ts'
import { identifiersOf } from '../../src/person/identity.ts'
import { toPerson } from '../../src/person/read-person.ts'
import { defaultSelection } from '../../src/person/selection.ts'
import { readSelectionFile } from '../../src/person/selection-file.ts'
import { retryAfterMs } from '../../src/retry.ts'
import { isLikelyForm } from '../../src/sync/decide/form.ts'
import { wordsOf } from '../../src/vendor-words.ts'

/**
 * Everything that reads a text from outside, fed with what is worst for it, at two sizes: a long text, and one of an
 * eighth of its length eight times. What is linear takes as long for both; what is quadratic takes eight times as
 * long for the long one.
 */

/** A string of 128 KB, 64 K characters of two bytes, costs V8 a page of its own: a step that is not growth. */
const LENGTH = 57_344
const FACTOR = 8
const GROWTH_MAX = 5
/** Before a text is said to grow too fast. */
const TAKINGS_MAX = 8
/** Of processor time, whose clock ticks every 10 ms on some machines. */
const MEASURED_MS_MIN = 60
/** For the long text once. */
const LONG_MS_MAX = 1_000

type Reader = (text: string) => unknown
/** Of about so many characters. */
type Text = (length: number) => string

const times = (part: string, length: number) => part.repeat(Math.ceil(length / part.length))
/** No limit of its own stops the reader early. */
const UNLIMITED = { depthMax: 1_000, membersMax: 1e9, keyLengthMax: 1e9, numberLengthMax: 1e9 }

const readList: Reader = (text) => {
  const limits = { json: UNLIMITED, itemBytesMax: 1e9, itemsMax: 1e9 }
  const reader = new ListReader({ member: 'objectData', begin: () => {}, item: () => {}, limits })
  reader.feed(Buffer.from(text))
  return reader.end()
}
const { log } = (() => {
  const destination = { write: () => {} }
  return { log: createLog({ level: 'info', destination }) }
})()
const selection = defaultSelection()
const identify = createIdentify([{ name: 'a', secret: 'k'.repeat(32) }], systemClock)
const batch = (body: string, contentType: string) =>
  readBatch({ status: 200, contentType, requestId: undefined, retryAfter: undefined, body }, 1)
const addressRules = { hosts: ['adobe.io'], allowLoopback: false, urlLengthMax: 1e9 }
const multiSelect = {
  logicalName: 'x',
  type: 'MultiSelectPicklist',
  options: [{ value: 1, label: 'a' }],
} as unknown as Parameters<typeof coerce>[1]

const READERS: readonly [name: string, read: Reader, texts: readonly Text[]][] = [
  [
    'strict JSON',
    (text) => parseJson(text, UNLIMITED),
    [
      (n) => `0.1${times('0', n)}1`,
      (n) => `1${times('0', n)}e-${n}`,
      (n) => `[${times('[],', n)}0]`,
      (n) => `{"${times('k', n)}":${times('[],', n)}`,
      (n) => `"${times('\\u00e9', n)}"`,
      (n) => `"${times('\\\\', n)}`,
      (n) => `${times('\n', n)}!`,
      (n) => times(' ', n),
      (n) => `{${Array.from({ length: n / 8 }, (_, index) => `"${index}":0`).join(',')}}`,
      (n) => `{${Array.from({ length: n / 8 }, (_, index) => `"k${index}":0`).join(',')}}`,
    ],
  ],
  [
    'a chunk',
    readList,
    [
      (n) => `{"${times('k', n)}":[${times('[],', n)}[]]}`,
      (n) => `{"a":{"${times('k', n)}":[${times('[[]],', n)}[]]}}`,
      (n) => `{${times('"objectData":[0],', n)}"a":0}`,
      (n) => `{"objectData":[${times('0,', n)}0]}`,
      (n) => `{"objectData":[${times('[],', n)}0]}`,
      (n) => `{"objectData":[0.1${times('0', n)}1]}`,
      (n) => `{"objectData":["${times('\\ud83d', n)}"]}`,
      (n) => `{"objectData":["${times('é', n)}"]}`,
      (n) => times('\n', n),
    ],
  ],
  [
    'a webhook',
    (text) => readWebhookBody(text, undefined, { json: UNLIMITED }),
    [
      (n) => `a=${times(' ', n)}b`,
      (n) => times('a=%41&', n),
      (n) => `a=${times('%', n)}`,
      (n) => `{"a":${times(':[ ""', n)}`,
      (n) => `{"a":""${times(' ', n)}x`,
      (n) => `{"a":1,${times(' ', n)}}`,
      (n) => `{"email":"${times('{{lead. ', n)}"}`,
      (n) => `{"email":"${times('{{ ', n)}"}`,
      (n) => `{"email":"${times(' ', n)}edit me x"}`,
      (n) => `{${Array.from({ length: n / 8 }, (_, index) => `"k${index}":"${index}"`).join(',')}}`,
    ],
  ],
  [
    'a person',
    (text) => toPerson({ email: text, firstName: text, annualRevenue: text }, selection),
    [(n) => times(' ', n), (n) => times('1', n), (n) => times('\u200b', n), (n) => times('1e', n)],
  ],
  [
    'an e-mail',
    (text) => identifiersOf({ email: text }),
    [
      (n) => `a${times('\u0315', n / 2)}${times('\u0300', n / 2)}@b.c`,
      (n) => `a${times('\uff9e\u0315', n)}@b.c`,
      (n) => `"${times('"@', n)}`,
      (n) => times(' @', n),
      (n) => times('\ufdfa', n),
    ],
  ],
  [
    'a value for a column',
    (text) => coerce(text, multiSelect),
    [(n) => times('a;', n), (n) => times('1 ', n), (n) => times(';', n)],
  ],
  [
    'a value that a side may have rewritten',
    (text) => isLikelyForm(`${text}.`, text),
    [
      (n) => `a${times('\u0315', n / 2)}${times('\u0300', n / 2)}`,
      (n) => times('&#', n),
      (n) => times('&amp;', n),
      (n) => times('😀', n),
    ],
  ],
  [
    'a line of the log',
    withoutEmails,
    [(n) => times('a', n), (n) => times('a@', n), (n) => times('%40', n), (n) => times('@"', n)],
  ],
  [
    'an error in the log',
    (text) => log.error({ event: 'x', err: new Error(text) }),
    [(n) => times("'", n), (n) => times('\n    at a', n), (n) => times('"a`', n)],
  ],
  [
    "a vendor's message",
    (text) => [
      wordsOf(text),
      explainRefusal('0x80040203', text, 400),
      explainRequest({ code: '1003', message: text }, 'record'),
    ],
    [
      (n) => times('<', n),
      (n) => times('a.', n),
      (n) => times(' at ', n),
      (n) => times('invalid field [', n),
      (n) => `invalid fields [${times('a,', n)}`,
      (n) => times("field 'a", n),
      (n) => times("attribute named '", n),
      (n) => times('&amp', n),
      (n) => times(' ', n),
    ],
  ],
  [
    'a batch reply',
    (text) => {
      assert.throws(() => batch(text, 'multipart/mixed; boundary=x'))
      assert.throws(() => batch('', `multipart/mixed; ${text}`))
    },
    [
      (n) => times('\n', n),
      (n) => times('--x\n', n),
      (n) => times('boundary = ', n),
      (n) => times('boundary="', n),
      (n) => times(' ', n),
    ],
  ],
  [
    'a header',
    (text) => [
      identify({ authorization: text }),
      identify({ authorization: `Basic ${text}` }),
      identify({ 'x-api-key': text }),
      basicCredentials(`basic ${text}`),
      retryAfterMs(text, text, 0),
    ],
    [
      (n) => times(' ', n),
      (n) => times('a ', n),
      (n) => times('-.', n),
      (n) => times('1,', n),
      (n) => times('1', n),
    ],
  ],
  [
    'the address of a callback',
    (text) => readCallbackAddress(text, addressRules),
    [
      (n) => `https://${times('a', n)}`,
      (n) => `https://${times('a.', n)}`,
      (n) => `https://${times('a-', n)}`,
      (n) => `https://a.io/${times('/', n)} `,
    ],
  ],
  [
    'FIELDS_FILE',
    readSelectionFile,
    [
      (n) => `{"select":[${times('"a",', n)}"b"]}`,
      (n) => `{"add":[${times('{},', n)}{}]}`,
      (n) =>
        `{"add":[${Array.from({ length: n / 40 }, (_, index) => `{"marketo":"a${index}","lead":"b${index}"}`).join(',')}]}`,
      (n) => `{${Array.from({ length: n / 8 }, (_, index) => `"k${index}":0`).join(',')}}`,
      (n) => times('{', n),
    ],
  ],
]

for (const [name, read, texts] of READERS) {
  test(`reading ${name} takes time in proportion to its length`, (t) => {
    for (const [index, text] of texts.entries()) {
      const { longMs, growth } = compare(read, text, LENGTH)
      t.diagnostic(`text ${index + 1}: ${longMs.toFixed(1)} ms, ${growth.toFixed(1)} times its eighths`)
      assert(growth <= GROWTH_MAX, `text ${index + 1} takes ${longMs} ms, ${growth} times its eighths`)
    }
  })
}

test('what is quadratic is found', () => {
  const { growth } = compare(
    (text) => /\s+$/.test(text),
    (n) => `${times(' ', n)}x`,
    LENGTH / 4,
  )
  assert(growth > GROWTH_MAX, `${growth}`)
})

/** What grows too fast does so each time; a machine that was busy elsewhere, or code not yet compiled, does not. */
function compare(read: Reader, text: Text, length: number): { longMs: number; growth: number } {
  const [long, short] = [text(length), text(length / FACTOR)]
  const onceMs = cpuMs(read, long, 1)
  if (onceMs > LONG_MS_MAX) return { longMs: onceMs, growth: Number.POSITIVE_INFINITY }
  let least = { longMs: 0, growth: Number.POSITIVE_INFINITY }
  for (let taking = 0; taking < TAKINGS_MAX && least.growth > GROWTH_MAX; taking += 1) {
    const { repeats, ms } = measure(read, long)
    const growth = ms / cpuMs(read, short, repeats * FACTOR)
    if (growth < least.growth) least = { longMs: ms / repeats, growth }
  }
  return least
}

/** As often as it takes to measure it. */
function measure(read: Reader, text: string): { repeats: number; ms: number } {
  for (let repeats = 1; ; repeats *= 2) {
    const ms = cpuMs(read, text, repeats)
    if (ms >= MEASURED_MS_MIN) return { repeats, ms }
  }
}

/** Processor time of this thread: others on the machine do not count. */
function cpuMs(read: Reader, text: string, repeats: number): number {
  const before = process.threadCpuUsage()
  for (let index = 0; index < repeats; index += 1) attempt(read, text)
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1_000
}

/** A text may be refused. */
function attempt(read: Reader, text: string): void {
  try {
    read(text)
  } catch {}
}
