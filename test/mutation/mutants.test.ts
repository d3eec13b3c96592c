import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Mutant, mutate } from './mutant.ts'
import { mutants } from './mutants.ts'

const ROOT = new URL('../../', import.meta.url)

test('every guard that `npm run mutate` takes out is there once, and its tests are there', () => {
  assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length, 'names are unique')
  for (const mutant of mutants) {
    const source = readFileSync(new URL(mutant.file, ROOT), 'utf8')
    const mutated = mutate(source, mutant)
    assert.notEqual(mutated, source, mutant.name)
    for (const file of mutant.tests) assert.ok(existsSync(new URL(file, ROOT)), file)
  }
})

test('a guard that was reworded, or stands there twice, is an error', () => {
  const mutant: Mutant = { name: 'guard', why: '', file: 'a.ts', text: 'if (a)', replacement: '', tests: [] }
  assert.equal(mutate('if (a) b()', mutant), ' b()')
  assert.throws(() => mutate('if (b) c()', mutant), /guard: a\.ts has no such text/)
  assert.throws(() => mutate('if (a) b(); if (a) c()', mutant), /guard: a\.ts has the text 2 times/)
})
