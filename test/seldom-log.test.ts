import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreUnavailable } from '../src/errors.ts'
import { createLog, faultOf, SeldomLog } from '../src/log.ts'
import { manualClock } from './dataverse/manual-clock.ts'

function rig() {
  const lines: Record<string, unknown>[] = []
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const time = manualClock()
  const seldom = new SeldomLog(createLog({ level: 'debug', destination }), time.clock)
  const written = () =>
    lines
      .splice(0)
      .map(({ level, event, code, requestId, leftOut }) => ({ level, event, code, requestId, leftOut }))
  const write = (event: string, code?: string, requestId?: string) =>
    seldom.write('warn', { event, ...(code && { code }), ...(requestId && { requestId }) }, 'again later')
  return { seldom, write, written, pass: time.advance }
}

const line = (event: string, code?: string, requestId?: string, leftOut?: number) => ({
  level: 'warn',
  event,
  code,
  requestId,
  leftOut,
})

test('the first line of a kind is written at once, and kinds do not hide each other', () => {
  const { write, written } = rig()
  for (const id of ['r1', 'r2', 'r3']) write('attempt-unfinished', 'vendor-busy', id)
  write('attempt-unfinished', 'entra-secret-expired', 'r4')
  write('job-failed')
  assert.deepEqual(written(), [
    line('attempt-unfinished', 'vendor-busy', 'r1'),
    line('attempt-unfinished', 'entra-secret-expired', 'r4'),
    line('job-failed'),
  ])
})

test('after a minute the next line says how many were left out', async () => {
  const { write, written, pass } = rig()
  for (const id of ['r1', 'r2', 'r3']) write('attempt-unfinished', 'vendor-busy', id)
  await pass(59_999)
  write('attempt-unfinished', 'vendor-busy', 'r4')
  await pass(1)
  write('attempt-unfinished', 'vendor-busy', 'r5')
  assert.deepEqual(written(), [
    line('attempt-unfinished', 'vendor-busy', 'r1'),
    line('attempt-unfinished', 'vendor-busy', 'r5', 3),
  ])
})

test('what was left out and does not come again is reported when its minute is over, once', async () => {
  const { seldom, write, written, pass } = rig()
  for (const id of ['r1', 'r2', 'r3']) write('attempt-unfinished', 'vendor-busy', id)
  write('job-failed')
  written()
  seldom.flush()
  assert.deepEqual(written(), [])
  await pass(60_000)
  seldom.flush()
  seldom.flush()
  assert.deepEqual(written(), [line('attempt-unfinished', 'vendor-busy', undefined, 2)])
})

test('a service that stops reports what it has left out so far', () => {
  const { seldom, write, written } = rig()
  write('job-failed')
  write('job-failed')
  written()
  seldom.flush(true)
  assert.deepEqual(written(), [line('job-failed', undefined, undefined, 1)])
})

test('a clock that is set back does not silence anybody', async () => {
  const { write, written, pass } = rig()
  write('job-failed')
  await pass(-3_600_000)
  write('job-failed')
  assert.equal(written().length, 2)
})

test('a database that is away is named by its code, without a stack', () => {
  assert.deepEqual(faultOf(new StoreUnavailable('the disk is full')), {
    code: 'store-unavailable',
    reason: 'the disk is full',
  })
  const fault = new TypeError('x')
  assert.deepEqual(faultOf(fault), { err: fault })
})
