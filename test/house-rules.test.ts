import assert from 'node:assert/strict'
import { test } from 'node:test'
import { none, sources } from './source.ts'

/** How long things get and which words stay where. A failure tells what to do. */

const FILE_LINES_MAX = 400
const FUNCTION_LINES_MAX = 60
/** Named SQL, one statement after the other: nothing in it happens. */
const TABLES = /^export function prepareStatements\(/

const WORDS: readonly { word: RegExp; where: RegExp; instead: string }[] = [
  { word: /\bprocess\.env\b/, where: /^src\/config\/config\.ts$/, instead: 'take a Config' },
  {
    word: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bhrtime\b/,
    where: /^src\/clock\.ts$|^sandbox\//,
    instead: 'take a Clock',
  },
  {
    word: /\bMath\.random\b|\brandomUUID\b|\brandomBytes\b/,
    where: /^src\/clock\.ts$|^sandbox\//,
    instead: 'take a Random',
  },
  {
    word: /\bsetTimeout\b|\bsetInterval\b/,
    where: /^src\/clock\.ts$|^sandbox\//,
    instead: 'use clock.sleep with a signal',
  },
]

for (const { word, where, instead } of WORDS) {
  test(`${word.source} stays in its place`, () => {
    none(
      sources
        .filter(({ path, text }) => !where.test(path) && word.test(text))
        .map(({ path }) => `${path}: ${instead}`),
    )
  })
}

test(`files have at most ${FILE_LINES_MAX} lines`, () => {
  none(
    sources
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > FILE_LINES_MAX)
      .map(({ path, lines }) => `${path} has ${lines} lines: find the second noun in it`),
  )
})

/**
 * Biome's indentation makes it safe: what opens at the end of a line closes at the start of one, equally far
 * in. Functions inside count for themselves, and a text of many lines counts as one line.
 */
function functionsOf(text: string): { name: string; lines: number }[] {
  const lines = text.split('\n')
  const opens = /(?:=>|\)(?:: .+)?) \{$/
  const isControl = /^\s*(?:\} )?(?:if|for|while|switch|catch|else|do|try)\b/
  const open: { name: string; close: string; lines: number }[] = []
  const found: { name: string; lines: number }[] = []
  let inText = false
  for (const line of lines) {
    const startsInText = inText
    if ((line.match(/(?<!\\)`/g) ?? []).length % 2 === 1) inText = !inText
    if (startsInText) continue
    const innermost = open.at(-1)
    if (innermost) innermost.lines += 1
    if (innermost && line.startsWith(innermost.close)) found.push(...open.splice(-1))
    if (opens.test(line) && !isControl.test(line)) {
      open.push({ name: line.trim(), close: `${/^\s*/.exec(line)?.[0]}}`, lines: 1 })
    }
  }
  assert.deepEqual(open, [], 'a function does not close: run npm run format')
  return found
}

test(`functions have at most ${FUNCTION_LINES_MAX} lines`, () => {
  const found = sources.flatMap(({ path, text }) => functionsOf(text).map((one) => ({ path, ...one })))
  assert(found.length > 300, 'the search for functions has gone blind')
  none(
    found
      .filter(({ name, lines }) => lines > FUNCTION_LINES_MAX && !TABLES.test(name))
      .map(({ path, name, lines }) => `${path}: ${name} has ${lines} lines: tell the story in smaller steps`),
  )
})
