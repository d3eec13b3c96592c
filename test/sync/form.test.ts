import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { FieldValue } from '../../src/person/person.ts'
import { isCutBeforeEmoji, isLikelyForm } from '../../src/sync/decide/form.ts'

const LONG = 'x'.repeat(300)

describe('what a side may have made of a value', () => {
  const forms: readonly [own: FieldValue, sent: FieldValue][] = [
    ['Thanks', 'Thanks 😀'],
    ['Thanks', 'Thanks 😀 and bye'],
    [null, '😀 Thanks'],
    ['a b', 'a\nb'],
    ['a b', ' a b  '],
    ['R&amp;D &#39;x&#39;', "R&D 'x'"],
    ['+46 8 123 45', '+46812345'],
    ['ACME AB', 'Acme AB'],
    [1.23, 1.2345],
    [3, 3.4],
    [LONG.slice(0, 255), LONG],
  ]
  for (const [own, sent] of forms) {
    it(`is ${JSON.stringify(own).slice(0, 40)} for ${JSON.stringify(sent).slice(0, 40)}`, () => {
      assert.equal(isLikelyForm(own, sent), true)
    })
  }

  const edits: readonly [own: FieldValue, sent: FieldValue][] = [
    ['Thanks', 'Thanks'],
    ['Thank', 'Thanks'],
    ['Thanks', 'Thanks a lot'],
    [null, 'Thanks'],
    [null, null],
    ['Thanks 😀', 'Thanks'],
    ['', '!'],
    [2, 1],
    [true, false],
    ['1', 1],
  ]
  for (const [own, sent] of edits) {
    it(`is never ${JSON.stringify(own)} for ${JSON.stringify(sent)}`, () => {
      assert.equal(isLikelyForm(own, sent), false)
    })
  }

  it('is the text before its first emoji, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.constantFrom('😀', '𝒳', '🏳️‍🌈'), (text, emoji) => {
        const [before = ''] = text.split(/[\u{10000}-\u{10FFFF}]/u)
        assert.equal(isCutBeforeEmoji(before.trim() || null, `${text}${emoji}`), true)
      }),
    )
  })
})
