import assert from 'node:assert/strict'
import test from 'node:test'
import { type Lane, WaitingLine } from '../../src/limits/waiting-line.ts'

const open = new AbortController().signal

function setUp() {
  const line = new WaitingLine()
  const told: string[] = []
  const join = (name: string, lane?: Lane, signal = open) =>
    line.join(signal, lane).then(
      () => told.push(name),
      (error) => told.push(`${name}: ${error.message}`),
    )
  return { line, told, join }
}

test('the background is admitted when nobody else waits, each lane first come first served', async () => {
  const { line, told, join } = setUp()
  const all = [join('slow 1', 'background'), join('a'), join('slow 2', 'background'), join('b')]
  const lanes: Lane[] = []
  while (line.length > 0) {
    lanes.push(line.nextLane)
    line.admitFirst()
  }
  await Promise.all(all)
  assert.deepEqual(told, ['a', 'b', 'slow 1', 'slow 2'])
  assert.deepEqual(lanes, [undefined, undefined, 'background', 'background'])
})

test('one lane can be refused while the other waits on', async () => {
  const { line, told, join } = setUp()
  const all = [join('slow', 'background'), join('a')]
  line.refuseLane(undefined, new Error('no'))
  await all[1]
  assert.deepEqual([told, line.length, line.lengthOf('background')], [['a: no'], 1, 1])
  line.refuseAll(new Error('closed'))
  await all[0]
  assert.deepEqual([told, line.length], [['a: no', 'slow: closed'], 0])
})

test('who aborts leaves its lane, and admitting nobody does nothing', async () => {
  const { line, told, join } = setUp()
  const leaving = new AbortController()
  const gone = join('slow', 'background', leaving.signal)
  leaving.abort(new Error('gone'))
  await gone
  line.admitFirst()
  assert.deepEqual([told, line.lengthOf('background')], [['slow: gone'], 0])
})
