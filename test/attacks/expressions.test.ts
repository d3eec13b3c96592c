import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check } from 'recheck'
import { none } from '../source.ts'
import { findExpressions } from './expressions.ts'

/** A search that takes more than linear time lets one caller hold the whole service with a long text. */

/** How long the checker may take for one expression. */
const CHECK_MS_MAX = 30_000

/** Where the source is put together at run time, and why that is no danger. None outside the sandbox. */
const MADE: Readonly<Record<string, string>> = {
  'sandbox/bends.ts': 'the path of a bend, which whoever runs the sandbox writes',
  'sandbox/dataverse/admin-bend.ts': 'the path of a bend',
  'sandbox/marketo/admin-bend.ts': 'the path of a bend',
  'sandbox/dataverse/batch-parse.ts': 'the boundary of a batch, escaped',
  'sandbox/dataverse/match.ts': 'the wildcards of a filter, over values of the sandbox',
}

test('every regular expression of src and sandbox takes linear time', async (t) => {
  const { expressions } = findExpressions()
  assert(expressions.length > 200, 'the search for expressions has gone blind')
  const found: string[] = []
  for (const { source, flags, places } of expressions) {
    const result = await check(source, flags, { timeout: CHECK_MS_MAX, recallLimit: 0 })
    if (result.status === 'safe') continue
    const what = result.status === 'vulnerable' ? result.complexity.summary : 'not decided in time'
    found.push(`${places.join(', ')}: /${source}/${flags} is ${what}`)
  }
  t.diagnostic(`${expressions.length} expressions`)
  none(found)
})

test('the checker finds what takes longer', async () => {
  for (const [source, flags] of [
    ['\\s+$', ''],
    ['^(a+)+$', ''],
    ['[^\\s]+@[^\\s]+', 'g'],
    ['^0+|0+$', 'g'],
  ] as const) {
    const { status } = await check(source, flags, { timeout: CHECK_MS_MAX })
    assert.equal(status, 'vulnerable', source)
  }
})

test('no expression is put together at run time, save in the sandbox', () => {
  const { made } = findExpressions()
  none(
    made
      .filter(({ place }) => !(place in MADE))
      .map(({ place, code }) => `${place}: ${code}: write it as a literal`),
  )
  none(
    Object.keys(MADE)
      .filter((place) => !made.some((one) => one.place === place))
      .map((place) => `${place} puts none together any more: take it out of the list`),
  )
})
