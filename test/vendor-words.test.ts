import assert from 'node:assert/strict'
import test from 'node:test'
import { wordsOf } from '../src/vendor-words.ts'

const trace =
  '\r\n   at Contoso.Plugins.LeadGuard.Execute(IServiceProvider provider) in C:\\agent\\LeadGuard.cs:line 42'

const cases: readonly [what: string, message: string, words: string | undefined][] = [
  [
    'a sentence',
    'Kunden behöver ett giltigt organisationsnummer.',
    'Kunden behöver ett giltigt organisationsnummer.',
  ],
  ['a stack trace', `The VAT number is wrong.${trace}${trace}`, 'The VAT number is wrong.'],
  ['a stack trace of an inner exception', `No.\r\n--- End of inner exception stack trace ---${trace}`, 'No.'],
  ['an exception name', 'Microsoft.Xrm.Sdk.InvalidPluginExecutionException: Not this one.', 'Not this one.'],
  [
    'the labels of a report',
    'Exception Message: Not this one.\n\nErrorCode: -2147220891\nHexErrorCode: 0x80040265',
    'Not this one.',
  ],
  ['markup', '<b>Not</b> this<script>alert(1)</script> one', 'Not this alert(1) one'],
  ['escaped markup', 'a &lt;b&gt; &amp; c', 'a b & c'],
  ['an unclosed tag', 'a <b', 'a b'],
  ['control characters and line breaks', 'a\u0000b\u200b\r\n\tc', 'a b c'],
  ['nothing', ' \r\n', undefined],
  ['a trace alone', trace, undefined],
  ['the name of a plug-in with at', 'Look at the address (street)', 'Look at the address (street)'],
]
for (const [what, message, words] of cases) {
  test(`of ${what} the words for people are left`, () => assert.equal(wordsOf(message), words))
}

test('500 characters at most are left, and no half of one', () => {
  const long = wordsOf('ö'.repeat(600)) ?? ''
  assert.deepEqual([long.length, long.at(-1)], [500, '…'])
  const emoji = wordsOf(`${'a'.repeat(498)}😀😀`) ?? ''
  assert.ok(emoji.isWellFormed() && emoji.length <= 500)
})

test('60 KB of anything are read in a moment', () => {
  const parts = [
    '<',
    '>',
    '&lt;',
    ' at ',
    ' at a.b',
    '   ',
    'A.',
    'ErrorCode:',
    '\u0000',
    '&',
    'at Xx.Y',
    '---',
  ]
  for (const part of parts) {
    const message = part.repeat(Math.ceil(60_000 / part.length))
    const startedAt = performance.now()
    wordsOf(message)
    wordsOf(`${message}(`)
    assert.ok(performance.now() - startedAt < 1_000, part)
  }
})
