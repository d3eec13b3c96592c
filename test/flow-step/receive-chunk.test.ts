import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ChunkLimits, receiveChunk } from '../../src/flow-step/receive-chunk.ts'
import { JSON_LIMITS } from '../../src/json.ts'
import { Refusal } from '../../src/problem.ts'

const NAMES = new Map([['note', 'note']])
const LIMITS: ChunkLimits = {
  bytesMax: 1_000_000,
  personBytesMax: 100_000,
  peopleMax: 1_000,
  json: JSON_LIMITS,
}

/** The chunk, its bytes arriving in pieces of so many. */
function receive(
  json: string | Uint8Array,
  pieceBytes = 1_000,
  limits: Partial<ChunkLimits> = {},
  headers = {},
) {
  const bytes = Buffer.from(json)
  // One room for all pieces, as a socket may have it.
  const room = Buffer.alloc(pieceBytes)
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      yield room.subarray(0, bytes.copy(room, 0, at, at + pieceBytes))
    }
  }
  return receiveChunk(Object.assign(pieces(), { headers }), NAMES, { ...LIMITS, ...limits })
}

const linesOf = ({ crowd }: Awaited<ReturnType<typeof receive>>) =>
  crowd.pages.flatMap(({ lines }) => lines.split('\n')).map((line) => JSON.parse(line))

const person = (id: number, note: unknown) => ({ objectContext: { id, note } })

test('what arrives is what was sent, wherever the bytes are cut', async () => {
  const notes = fc.array(fc.string({ unit: 'binary' }), { maxLength: 6 })
  const rest = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue())
  const indent = fc.constantFrom(0, 1)
  const size = fc.integer({ min: 1, max: 40 })
  await fc.assert(
    fc.asyncProperty(rest, notes, rest, indent, size, async (before, texts, after, blanks, pieceBytes) => {
      const objectData = texts.map((note, index) => person(index + 1, note))
      const chunk = { ...before, objectData, ...after }
      if (chunk.objectData !== objectData) return
      const received = await receive(JSON.stringify(chunk, undefined, blanks), pieceBytes)
      assert.deepEqual(
        received.body,
        JSON.parse(JSON.stringify({ ...chunk, objectData: texts.map(() => 0) })),
      )
      assert.deepEqual(
        linesOf(received),
        texts.map((note, index) => ({ person: { id: index + 1, fields: { note } } })),
      )
    }),
  )
})

const LISTS: readonly [string, string, readonly number[]][] = [
  ['nobody', '{"objectData":[ ]}', []],
  ['no list', '{"objectData":{"objectData":[{"objectContext":{"id":1}}]}}', []],
  ['lists of the same name deeper down', '{"a":{"objectData":[1]},"b":[{"objectData":[2]}]}', []],
  ['the name as a value', '{"a":"objectData","b":[{"objectContext":{"id":1}}]}', []],
  ['its name escaped', '{"object\\u0044ata" : [{"objectContext":{"id":1}}]}', [1]],
  ['items that are no objects', '{"objectData":[null,"a,]",[1,[2]],-1.5,{"objectContext":{"id":1}}]}', [1]],
  [
    'two lists, of which the last one counts',
    '{"objectData":[{"objectContext":{"id":1}}],"objectData":[{"objectContext":{"id":2}}]}',
    [2],
  ],
  ['a list that is taken back', '{"objectData":[{"objectContext":{"id":1}}],"objectData":null}', []],
  ['a member that comes twice', '{"objectData":[{"objectContext":{"id":1,"id":2}}],"a":1,"a":2}', [2]],
  ['a byte order mark', '\ufeff{"objectData":[{"objectContext":{"id":1}}]}', [1]],
]
for (const [what, json, ids] of LISTS) {
  test(`a chunk with ${what} is read`, async () => {
    for (const pieceBytes of [1, 7, 1_000]) {
      const received = await receive(json, pieceBytes)
      assert.deepEqual(
        linesOf(received).map(({ person }) => person.id),
        ids,
      )
    }
  })
}

const MALFORMED: readonly [string, string, string, RegExp][] = [
  ['nothing', '', 'empty-body', /empty/],
  ['no JSON', '{"a":\n x}', 'malformed-json', /^The body is not valid JSON \(byte \d\)/],
  ['an item that is no JSON', '{"objectData":[{},{"a" 1}]}', 'malformed-json', /Item 2 of "objectData"/],
  ['an item without its end', '{"objectData":[{"a":1', 'malformed-json', /./],
  ['brackets that do not fit', '{"objectData":[{"a":[1}]}', 'malformed-json', /./],
  ['a list that ends as an object', '{"objectData":[1}', 'malformed-json', /./],
  ['two commas', '{"objectData":[1,,2]}', 'malformed-json', /./],
  ['a comma at the end', '{"objectData":[1,]}', 'malformed-json', /./],
  ['something after its end', '{"objectData":[{\n}]}\n}', 'malformed-json', /^The body .*\(byte 22\)/],
  ['only its beginning', '{"objectData":[{}]', 'malformed-json', /^The body ends too early/],
  ['a key that is no text', '{1:2}', 'malformed-json', /./],
  ['a list without its member', '["objectData",[1 2]]', 'malformed-json', /^The body/],
]
for (const [what, json, code, sentence] of MALFORMED) {
  test(`a chunk with ${what} is refused with its place`, async () => {
    for (const pieceBytes of [1, 1_000]) {
      await assert.rejects(receive(json, pieceBytes), (error) => {
        assert(error instanceof Refusal)
        assert.equal(error.code, code)
        assert.match(error.message, sentence)
        return true
      })
    }
  })
}

for (const [where, json] of [
  ['an item', '{"objectData":["?---"]}'],
  ['the rest', '{"a":"?---"}'],
]) {
  test(`bytes that are no UTF-8 in ${where} are refused`, async () => {
    const bytes = Buffer.from(json ?? '').map((byte) => (byte === 0x3f ? 0xff : byte))
    await assert.rejects(receive(bytes), { code: 'not-utf8' })
  })
}

test('more bytes than allowed are refused, whether they were announced or not', async () => {
  const json = JSON.stringify({ objectData: [person(1, 'x'.repeat(100))] })
  await assert.rejects(receive(json, 10, { bytesMax: 50 }), { status: 413, code: 'body-too-large' })
  await assert.rejects(receive('{}', 10, { bytesMax: 50 }, { 'content-length': '51' }), { status: 413 })
  await receive('{}', 10, { bytesMax: 50 }, { 'content-length': '50' })
})

test('who stops sending is refused, and it is nobody’s fault here', async () => {
  async function* cutOff() {
    yield Buffer.from('{"objectData":[')
    throw new Error('aborted')
  }
  await assert.rejects(receiveChunk(Object.assign(cutOff(), { headers: {} }), NAMES, LIMITS), { status: 400 })
})

const lists = (count: number) => `[${'[],'.repeat(count)}[]]`
const TOO_MUCH: readonly [string, string, number, string, RegExp][] = [
  ['one large person', `{"objectData":[1,${lists(400)}]}`, 413, 'person-too-large', /^Item 2 /],
  [
    'a person that is one text',
    `{"objectData":[1,"${'x'.repeat(1_001)}"]}`,
    413,
    'person-too-large',
    /^Item 2 /,
  ],
  ['a text without its end', `{"objectData":["${'x'.repeat(1_001)}`, 413, 'person-too-large', /^Item 1 /],
  ['much beside the people', `{"objectData":[1],"a":${lists(400)}}`, 413, 'person-too-large', /^The body /],
  [
    'much in several lists',
    `{"a":${lists(200)},"objectData":[],"b":${lists(200)}}`,
    413,
    'person-too-large',
    /./,
  ],
  ['a long name beside a list', `{"${'k'.repeat(1_001)}":[[],[]]}`, 413, 'person-too-large', /^The body /],
  ['nothing but blanks', ' '.repeat(1_001), 413, 'person-too-large', /^The body /],
  ['blanks between people', `{"objectData":[1,${' '.repeat(1_001)}2]}`, 413, 'person-too-large', /^Item 2 /],
  ['too many people', `{"objectData":${lists(20)}}`, 400, 'too-many-people', /more than 20/],
  ['a deep person', `{"objectData":[${'['.repeat(7)}`, 400, 'too-deep', /^Item 1 .* more than 8 levels/],
  ['a deep rest', '['.repeat(9), 400, 'too-deep', /^The body .* more than 8 levels/],
  ['a long name', `{"objectData":[{"${'k'.repeat(65)}":1}]}`, 400, 'key-too-long', /more than 64 characters/],
  [
    'a long number',
    `{"objectData":[0.${'1'.repeat(31)}]}`,
    400,
    'number-too-long',
    /more than 32 characters/,
  ],
]
for (const [what, json, status, code, sentence] of TOO_MUCH) {
  test(`a chunk with ${what} is refused, wherever its bytes are cut`, async () => {
    const limits = {
      personBytesMax: 1_000,
      peopleMax: 20,
      json: { ...JSON_LIMITS, depthMax: 8, keyLengthMax: 64, numberLengthMax: 32 },
    }
    for (const pieceBytes of [1, 64, 100_000]) {
      await assert.rejects(receive(json, pieceBytes, limits), { status, code, message: sentence })
    }
  })
}

test('others get their turn between two parts of a chunk, however many of them are there at once', async () => {
  const parts = [`{"objectData":[`, ...Array.from({ length: 50 }, () => '0,'), '0]}']
  let turns = 0
  let next = setImmediate(function turn() {
    turns += 1
    next = setImmediate(turn)
  })
  async function* atOnce() {
    for (const part of parts) yield Buffer.from(part)
  }
  await receiveChunk(Object.assign(atOnce(), { headers: {} }), NAMES, LIMITS)
  clearImmediate(next)
  assert(turns >= parts.length - 1, `${turns} turns`)
})

test('a chunk at its limits is taken', async () => {
  const texts = Array.from({ length: 20 }, (_, index) => person(index + 1, '\u0001é'.repeat(100)))
  const chunk = { a: [[[[[[1]]]]]], objectData: texts, ['k'.repeat(64)]: 'x'.repeat(800) }
  const limits = {
    personBytesMax: 1_000,
    peopleMax: 20,
    json: { ...JSON_LIMITS, depthMax: 8, keyLengthMax: 64 },
  }
  const received = await receive(JSON.stringify(chunk, undefined, 1), 7, limits)
  assert.equal(received.crowd.people, 20)
})
