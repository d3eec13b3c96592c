import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, systemClock } from '../../src/clock.ts'
import { type Check, examine, renderFindings } from '../../src/doctor/examination.ts'
import { Busy, Unauthorized, Unavailable } from '../../src/errors.ts'

const { signal } = new AbortController()
const fails = (id: string, error: Error): Check => ({ id, run: () => Promise.reject(error) })
const passes = (id: string, needs: string[] = []): Check => ({
  id,
  needs,
  run: async () => ({ status: 'ok', seen: 'Fine.' }),
})

test('a check whose needs failed is skipped, and so is what needs that; what merely does not apply stops nothing', async () => {
  const detail = { code: 'entra-secret-expired', advice: 'Renew it.', vendorCode: 'AADSTS7000222' }
  const found = await examine(
    [
      fails('sign-in', new Unauthorized('refused', detail)),
      passes('privileges', ['sign-in']),
      passes('fields', ['privileges']),
      { id: 'certificate', run: async () => ({ status: 'skipped', seen: 'There is none.' }) },
      passes('store', ['certificate']),
    ],
    { clock: systemClock, signal },
  )
  assert.deepEqual(found, [
    {
      id: 'sign-in',
      status: 'fail',
      seen: 'The call was refused with AADSTS7000222.',
      advice: 'Renew it.',
      code: 'entra-secret-expired',
    },
    { id: 'privileges', status: 'skipped', seen: 'Not checked, because sign-in is not ok.' },
    { id: 'fields', status: 'skipped', seen: 'Not checked, because privileges is not ok.' },
    { id: 'certificate', status: 'skipped', seen: 'There is none.' },
    { id: 'store', status: 'ok', seen: 'Fine.' },
  ])
})

test('a check that never ends fails by itself, and the others are not held up', async () => {
  const clock: Clock = {
    ...systemClock,
    async sleep(_ms, ended) {
      await new Promise(setImmediate)
      ended?.throwIfAborted()
    },
  }
  const hangs: Check = {
    id: 'hangs',
    run: (call) =>
      new Promise((_resolve, reject) =>
        call.signal.addEventListener('abort', () => reject(call.signal.reason)),
      ),
  }
  const found = await examine([hangs, passes('store')], { clock, signal })
  const statuses = found.map(({ id, status, seen }) => [id, status, seen])
  assert.deepEqual(statuses, [
    ['hangs', 'fail', 'no answer within 7000 ms.'],
    ['store', 'ok', 'Fine.'],
  ])
})

test('a vendor that asks to wait is a warning, one without a usable answer a failure', async () => {
  const checks = [fails('busy', new Busy('wait', 1_500)), fails('away', new Unavailable('nothing'))]
  const found = await examine(checks, { clock: systemClock, signal })
  assert.deepEqual(
    found.map(({ status, code }) => [status, code]),
    [
      ['warn', 'vendor-busy'],
      ['fail', 'vendor-unavailable'],
    ],
  )
})

test('a terminal gets a line for each finding, with the advice below, and the counts', () => {
  const text = renderFindings([
    { id: 'clock', status: 'ok', seen: 'It is right.' },
    { id: 'store', status: 'fail', seen: 'It is full.', advice: 'Make room.', code: 'store-unavailable' },
  ])
  assert.equal(
    text,
    `ok       clock  It is right.
FAIL     store  It is full. (store-unavailable)
                → Make room.

1 ok, 0 warn, 1 fail, 0 skipped`,
  )
})
