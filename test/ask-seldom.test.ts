import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askSeldom } from '../src/abort.ts'
import { manualClock } from './dataverse/manual-clock.ts'

const open = { signal: new AbortController().signal }

function setUp() {
  const time = manualClock()
  const asked: PromiseWithResolvers<string>[] = []
  const ask = askSeldom(
    () => {
      const one = Promise.withResolvers<string>()
      asked.push(one)
      return one.promise
    },
    { keptMs: 60_000, clock: time.clock, closing: open.signal },
  )
  return { time, asked, ask }
}

test('callers share what one of them has asked for, while it is awaited and for the time that it is kept', async () => {
  const { time, asked, ask } = setUp()
  const both = Promise.all([ask(open), ask(open)])
  asked[0]?.resolve('first')
  assert.deepEqual(await both, ['first', 'first'])
  await time.advance(59_999)
  assert.equal(await ask(open), 'first')
  assert.equal(asked.length, 1)
  await time.advance(1)
  const next = ask(open)
  asked[1]?.resolve('second')
  assert.equal(await next, 'second')
})

test('a failure is kept as long, and does not end the process when nobody has waited for it', async () => {
  const { time, asked, ask } = setUp()
  const leaving = new AbortController()
  const left = ask({ signal: leaving.signal })
  leaving.abort(new Error('the caller left'))
  await assert.rejects(left, /the caller left/)
  asked[0]?.reject(new Error('away'))
  await assert.rejects(ask(open), /away/)
  assert.equal(asked.length, 1)
  await time.advance(60_000)
  const next = ask(open)
  asked[1]?.resolve('back')
  assert.equal(await next, 'back')
})
