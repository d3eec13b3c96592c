import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { JSON_LIMITS, type JsonLimits, MalformedJson, parseJson } from '../src/json.ts'

function refusal(input: string | Uint8Array, limits: Partial<JsonLimits> = {}): MalformedJson {
  try {
    parseJson(input, { ...JSON_LIMITS, ...limits })
  } catch (error) {
    if (error instanceof MalformedJson) return error
    throw error
  }
  throw new assert.AssertionError({ message: `accepted ${input}` })
}

const REFUSED: readonly [string, string, string][] = [
  ['an empty body', '', 'empty-body'],
  ['white space only', ' \r\n\t', 'empty-body'],
  ['an open brace', '{', 'malformed-json'],
  ['a trailing comma', '{"a":1,}', 'malformed-json'],
  ['a missing comma', '{"a":1 "b":2}', 'malformed-json'],
  ['a missing colon', '{"a" 1}', 'malformed-json'],
  ['an unquoted name', '{a:1}', 'malformed-json'],
  ['single quotes', "{'a':1}", 'malformed-json'],
  ['a bare word', '{"a":ann}', 'malformed-json'],
  ['TRUE in capitals', '{"a":TRUE}', 'malformed-json'],
  ['a second value', '{} {}', 'malformed-json'],
  ['an open string', '{"a":"b', 'malformed-json'],
  ['an open array', '[1', 'malformed-json'],
  ['an array with a trailing comma', '[1,]', 'malformed-json'],
  ['an unknown escape', '{"a":"\\x"}', 'malformed-json'],
  ['a leading zero', '{"a":01}', 'malformed-json'],
  ['a lone minus', '{"a":-}', 'malformed-json'],
  ['NaN', '{"a":NaN}', 'malformed-json'],
  ['a raw line break in a string', '{"a":"b\nc"}', 'control-character'],
  ['half of a surrogate pair', '{"a":"\\ud83d"}', 'lone-surrogate'],
  ['the same member twice', '{"a":1,"a":2}', 'duplicate-key'],
  ['the same member twice, once escaped', '{"a":1,"\\u0061":2}', 'duplicate-key'],
  ['the same member twice, deep down', '{"a":[{"b":1,"b":1}]}', 'duplicate-key'],
  ['__proto__', '{"__proto__":{"a":1}}', 'forbidden-key'],
  ['__proto__, escaped', '{"\\u005f_proto__":1}', 'forbidden-key'],
  ['constructor', '{"a":{"constructor":{"prototype":{}}}}', 'forbidden-key'],
  ['prototype', '{"prototype":1}', 'forbidden-key'],
  ['2^53', '9007199254740992', 'number-out-of-range'],
  ['2^53 + 1', '9007199254740993', 'number-out-of-range'],
  ['-2^53 - 1', '-9007199254740993', 'number-out-of-range'],
  ['an integer beyond 2^53 with an exponent', '1e300', 'number-out-of-range'],
  ['a number beyond every double', '1e400', 'number-out-of-range'],
  ['a number too small for a double', '1e-400', 'number-loses-digits'],
  ['a decimal with too many digits', '0.12345678901234567891', 'number-loses-digits'],
]

for (const [what, text, code] of REFUSED) {
  test(`refuses ${what} as ${code}`, () => assert.equal(refusal(text).code, code))
}

test('keeps the numbers that a double can hold, however they are spelt', () => {
  const spelt = '[9007199254740991,-9007199254740991,1.50,0.1,-0.0,1e2,1.5E-7,1200e-2,100,0]'
  assert.deepEqual(
    parseJson(spelt),
    [9007199254740991, -9007199254740991, 1.5, 0.1, -0, 100, 1.5e-7, 12, 100, 0],
  )
})

test('tolerates a byte order mark, in text and in bytes', () => {
  assert.deepEqual(parseJson('\uFEFF{"a":1}'), { a: 1 })
  assert.deepEqual(parseJson(Buffer.from('\uFEFF{"a":1}')), { a: 1 })
})

test('refuses bytes that are not UTF-8', () => {
  assert.equal(refusal(Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d])).code, 'not-utf8')
})

test('bounds the nesting by its setting', () => {
  assert.deepEqual(parseJson('[[1]]', { ...JSON_LIMITS, depthMax: 3 }), [[1]])
  assert.equal(refusal('[[1]]', { depthMax: 2 }).code, 'too-deep')
  assert.equal(refusal('['.repeat(60_000)).code, 'too-deep')
})

test('bounds the members of an object by their setting', () => {
  const limits = { ...JSON_LIMITS, membersMax: 2 }
  assert.deepEqual(parseJson('[{"a":1,"b":{"c":2}},{"d":3}]', limits), [{ a: 1, b: { c: 2 } }, { d: 3 }])
  assert.equal(refusal('[{"a":1,"b":2,"c":3}]', limits).code, 'too-many-members')
})

test('bounds names and numbers by their settings', () => {
  const limits = { ...JSON_LIMITS, keyLengthMax: 4, numberLengthMax: 4 }
  assert.deepEqual(parseJson('{"\\u0061bcd":-1.5}', limits), { abcd: -1.5 })
  assert.equal(refusal('[{"abcde":1}]', limits).code, 'key-too-long')
  assert.equal(refusal('[1.500]', limits).code, 'number-too-long')
  assert.equal(refusal(`0.1${'0'.repeat(1_000_000)}1`).code, 'number-too-long')
})

test('names the place of a fault behind many lines', () => {
  const { line, column } = refusal(`${'\n'.repeat(1_000_000)} x`)
  assert.deepEqual([line, column], [1_000_001, 2])
})

test('says where the fault is, in lines and columns, and quotes no value', () => {
  const error = refusal('{\n  "a": "ann@example.org",\n  "b": ann@example.org }')
  assert.deepEqual([error.line, error.column], [3, 8])
  assert.equal(error.message, 'A JSON value is missing or not quoted (line 3, column 8).')
})

test('reads every JSON text that JSON.stringify writes to the same value', () => {
  const noSpecialKeys = fc
    .jsonValue({ depthSize: 'small' })
    .filter((value) => !/"(__proto__|constructor|prototype)":/.test(JSON.stringify(value)))
  fc.assert(
    fc.property(noSpecialKeys, (value) => {
      const text = JSON.stringify(value)
      let read: unknown
      try {
        read = parseJson(text)
      } catch (error) {
        assert(error instanceof MalformedJson)
        return /number-out-of-range|lone-surrogate/.test(error.code)
      }
      assert.deepEqual(read, JSON.parse(text))
      return true
    }),
  )
})

test('never accepts a text that JSON.parse refuses, and never throws anything but MalformedJson', () => {
  const fragments = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    'a',
    ':',
    ',',
    '1',
    '-',
    '.',
    'e',
    '\\',
    'true',
    ' ',
  )
  fc.assert(
    fc.property(fc.array(fragments, { maxLength: 12 }), (parts) => {
      const text = parts.join('')
      try {
        parseJson(text)
      } catch (error) {
        assert(error instanceof MalformedJson)
        return
      }
      JSON.parse(text)
    }),
    { numRuns: 2000 },
  )
})
