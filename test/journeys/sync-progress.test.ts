import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Json, startSyncRig } from './sync-rig.ts'

const COMPANY = { companyname: 'Ek AB' }

test('the initial sync is done when each record was tried, refused ones are failures, and a restart changes nothing', async () => {
  await using rig = await startSyncRig({
    prepare({ dataverse, marketo }) {
      if (dataverse.rows('lead').length > 0) return
      for (const name of ['a', 'b', 'c']) {
        dataverse.seed('lead', { ...COMPANY, lastname: name, emailaddress1: `${name}@example.com` })
      }
      // Two people for one record: nobody knows which one it is.
      for (const _ of [1, 2]) marketo.seed({ email: 'b@example.com', lastName: 'b' })
    },
  })
  const progress = async () => {
    const { startedAt, ...rest } = (await rig.status()).initialSync as Json
    assert.match(String(startedAt), /^\d{4}-\d\d-\d\dT/)
    return rest
  }
  const done = { state: 'done', rowsRead: 3, left: 0 }
  assert.deepEqual(await progress(), done)
  assert.equal((await rig.status()).openFailures, 1)
  rig.dataverse.seed('lead', { ...COMPANY, lastname: 'd', emailaddress1: 'd@example.com' })
  await rig.cycle()
  assert.deepEqual(await progress(), done, 'later changes are none of it')
  await rig.restart()
  await rig.idle()
  assert.deepEqual(await progress(), done)
})

test('a stream that cannot be read shows how old what it misses may be', async () => {
  await using rig = await startSyncRig()
  const lag = async () => {
    const streams = (await rig.status()).streams as Json[]
    const { lagMs, code } = streams.find(({ stream }) => stream === 'dynamics-leads') ?? {}
    return { lagMs: Number(lagMs), code }
  }
  assert.deepEqual(await lag(), { lagMs: 0, code: undefined })
  for (let times = 0; times < 20; times += 1) {
    rig.dataverse.bend({ operation: 'changes', path: 'leads', how: { kind: 'html-502-before-commit' } })
  }
  await rig.cycle(60_000)
  const { lagMs, code } = await lag()
  assert.equal(code, 'vendor-unavailable')
  assert.ok(lagMs >= 60_000, String(lagMs))
  await rig.cycle(1_000)
  const troubles = rig.log.filter(
    (line) => line.includes('"sync-trouble"') && line.includes('vendor-unavailable'),
  )
  assert.equal(troubles.length, 1, 'one line a minute, not one a cycle')
})
