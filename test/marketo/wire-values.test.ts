import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { readDate, readId, readText, writeDate } from '../../src/marketo/verdict.ts'

const spellings: [string, string | undefined][] = [
  ['2023-01-16T23:32:19Z', '2023-01-16T23:32:19Z'],
  ['2014-09-17T22:31:49+0000', '2014-09-17T22:31:49Z'],
  ['2014-09-17T22:31:49-08:00', '2014-09-18T06:31:49Z'],
  ['2016-09-26T06:56:35+0530', '2016-09-26T01:26:35Z'],
  ['2017-07-27T01:38:33Z+0000', '2017-07-27T01:38:33Z'],
  ['2014-11-13 12:43:04', '2014-11-13T12:43:04Z'],
  ['2014-11-13T12:43:04.987Z', '2014-11-13T12:43:04Z'],
  ['2019-03-23', '2019-03-23T00:00:00Z'],
  ['2019-02-29T00:00:00Z', undefined],
  ['2019-13-01T00:00:00Z', undefined],
  ['2019-01-01T25:00:00Z', undefined],
  ['yesterday', undefined],
  ['', undefined],
]

for (const [text, instant] of spellings) {
  test(`the date "${text}" is ${instant ?? 'unreadable'}`, () => {
    const at = readDate(text)
    assert.equal(at === undefined ? undefined : writeDate(at), instant)
  })
}

test('what is no text is no date', () => {
  for (const value of [undefined, null, 1_673_911_939_000, {}, ['2023-01-16']])
    assert.equal(readDate(value), undefined)
})

test('every instant that is written is read as the same second', () => {
  const seconds = fc.integer({ min: 0, max: 4_102_444_800 })
  fc.assert(fc.property(seconds, (second) => readDate(writeDate(second * 1_000 + 999)) === second * 1_000))
})

test('an id is a positive whole number, or a text of one', () => {
  const read = [4711, '4711', 0, -1, 1.5, '1e3', ' 1', '', null, undefined, true, 2 ** 53].map(readId)
  assert.deepEqual(read.slice(0, 2), [4711, 4711])
  assert.deepEqual(new Set(read.slice(2)), new Set([undefined]))
})

test('a text is any plain value; nothing is null and anything else unreadable', () => {
  assert.deepEqual(['x', '', 7, false, null, undefined, {}, []].map(readText), [
    ...['x', '', '7', 'false', null, null, undefined, undefined],
  ])
})
