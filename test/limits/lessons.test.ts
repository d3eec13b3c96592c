import assert from 'node:assert/strict'
import test from 'node:test'
import { Lessons } from '../../src/limits/lessons.ts'

/** The lower of two, and nothing when it is not lower. */
const lessons = () =>
  new Lessons<{ limit: number }, number>({ limit: 10 }, (state, limit) =>
    limit < state.limit ? { limit } : state,
  )

test('what changes nothing need not be shared', () => {
  const one = lessons()
  one.learn(20, 0)
  one.note(9, 0)
  assert.deepEqual([one.state.limit, one.unshared], [9, 0])
  one.learn(8, 0)
  assert.deepEqual([one.state.limit, one.unshared], [8, 1])
})

test('what others learned meanwhile and what was learned here both hold', () => {
  const one = lessons()
  one.learn(7, 0)
  one.learn(5, 0)
  one.adopt({ limit: 6 }, 1)
  assert.deepEqual([one.state.limit, one.unshared], [5, 1])
  one.adopt({ limit: 5 }, 1)
  one.adopt({ limit: 9 }, 0)
  assert.deepEqual([one.state.limit, one.unshared], [9, 0])
})
