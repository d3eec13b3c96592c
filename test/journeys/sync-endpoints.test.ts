import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setInterval } from 'node:timers/promises'
import { systemClock } from '../../src/clock.ts'
import { createMarketo } from '../../src/marketo/marketo.ts'
import { setUpMarketo } from '../../src/sync/setup.ts'
import { listeningLog } from '../dataverse/rig.ts'
import { type Rig, startRig } from './rig.ts'

/** What an operator does with the endpoints of the background sync, from the first start on. */

const POLL_MS = 20

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for await (const _ of setInterval(POLL_MS)) if (await isSo()) return
}

async function stateOf(rig: Rig): Promise<unknown> {
  return (await rig.request('GET', '/v1/sync/status')).body.state
}

/** As `npm run setup` does it. */
async function setUp({ sandbox }: Rig): Promise<void> {
  const { url, service } = sandbox.marketo
  await using marketo = createMarketo({ url, ...service, clock: systemClock, log: listeningLog().log })
  const call = { signal: AbortSignal.timeout(20_000) }
  assert.equal(await setUpMarketo({ schema: marketo.schema, say: () => {} }, call), true)
}

test('blocked until the set-up, paused, previewed and resumed: nothing is written before the operator says so', async () => {
  await using rig = await startRig()
  await rig.restart({ ...rig.sandbox.marketoEnvironment(), SYNC_INTERVAL_SECONDS: '1' })
  await until(async () => (await stateOf(rig)) === 'blocked')
  const early = await rig.request('POST', '/v1/sync/preview')
  assert.deepEqual([early.status, early.body.code], [409, 'setup-missing'])
  assert.equal((await rig.request('POST', '/v1/sync/pause')).status, 200)

  rig.sandbox.dataverse.seed('lead', { lastname: 'Ek', emailaddress1: 'ann@example.com' })
  await setUp(rig)
  await until(async () => (await stateOf(rig)) === 'paused')
  const people = rig.sandbox.marketo.people().length
  await until(async () => {
    const { body, status } = await rig.request('POST', '/v1/sync/preview')
    assert.equal(status, 200)
    assert.doesNotMatch(JSON.stringify(body), /ann@example/)
    return JSON.stringify(body).includes('"action":"create"')
  })
  assert.equal(rig.sandbox.marketo.people().length, people)

  assert.equal((await rig.request('POST', '/v1/sync/resume')).status, 200)
  await until(async () => rig.sandbox.marketo.people().some(({ email }) => email === 'ann@example.com'))
  await until(async () => {
    const { body } = await rig.request('GET', '/v1/sync/status')
    assert.equal(body.state, 'running')
    return (
      JSON.stringify(body.totals).includes('"new":1') && JSON.stringify(body.initialSync).includes('"done"')
    )
  })
})
