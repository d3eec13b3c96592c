import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Uploads } from '../../src/flow-step/uploads.ts'
import { manualClock, settled } from '../dataverse/manual-clock.ts'

const WAIT_MS = 5_000

function rig(max: number, waitingMax = 10) {
  const time = manualClock()
  const uploads = new Uploads({ max, waitingMax, waitMs: WAIT_MS, clock: time.clock })
  const events: string[] = []
  /** One upload; `end` lets it end. */
  const start = (name: string) => {
    const ended = Promise.withResolvers<void>()
    const done = uploads
      .run(async () => {
        events.push(`${name} begins`)
        await ended.promise
        events.push(`${name} ends`)
      })
      .catch((error: Error) => {
        events.push(`${name}: ${'code' in error ? error.code : error.message}`)
      })
    return {
      end: async (error?: Error) => {
        if (error) ended.reject(error)
        else ended.resolve()
        await done
        await settled()
      },
      done,
    }
  }
  return { time, events, start }
}

test('no more uploads run at a time than there is room for, and the next one gets the room of one that ended', async () => {
  const { events, start, time } = rig(2)
  const [a, , c, d] = [start('a'), start('b'), start('c'), start('d')]
  await settled()
  assert.deepEqual(events.splice(0), ['a begins', 'b begins'])
  await a?.end()
  assert.deepEqual(events.splice(0), ['a ends', 'c begins'])
  await c?.end(new Error('cut off'))
  assert.deepEqual(events.splice(0), ['c: cut off', 'd begins'])
  await d?.end()
  assert.equal(time.sleeping, 0, 'nothing waits any more')
  start('e')
  await settled()
  assert.deepEqual(events, ['d ends', 'e begins'])
})

test('an upload that finds no room in time is refused, and takes none later', async () => {
  const { events, start, time } = rig(1)
  const a = start('a')
  const b = start('b')
  await time.advance(WAIT_MS - 1)
  assert.deepEqual(events, ['a begins'])
  await time.advance(1)
  await b.done
  assert.deepEqual(events, ['a begins', 'b: too-many-uploads'])
  await a.end()
  start('c')
  await settled()
  assert.deepEqual(events.slice(2), ['a ends', 'c begins'])
})

test('uploads beyond those that may wait are refused at once', async () => {
  const { events, start } = rig(1, 2)
  for (const name of ['a', 'b', 'c', 'd']) start(name)
  await settled()
  assert.deepEqual(events, ['a begins', 'd: too-many-uploads'])
})
