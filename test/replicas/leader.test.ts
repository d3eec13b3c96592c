import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Sandbox } from '../../sandbox/index.ts'
import { systemClock } from '../../src/clock.ts'
import { createLog } from '../../src/log.ts'
import { createMarketo } from '../../src/marketo/marketo.ts'
import { setUpMarketo } from '../../src/sync/setup.ts'
import type { Victim } from '../crash/victim.ts'
import { withoutServers } from '../postgres/cluster.ts'
import { type Rig, startRig } from './rig.ts'

const TAKE_OVER_MS = 30_000
const LOOK_EVERY_MS = 100

async function setUp({ marketo: { url, service } }: Sandbox): Promise<void> {
  const log = createLog({ level: 'silent' })
  await using marketo = createMarketo({ url, ...service, clock: systemClock, log })
  await setUpMarketo({ schema: marketo.schema, say: () => {} }, { signal: AbortSignal.timeout(20_000) })
}

/** Who leads, as a replica sees it; undefined while nobody does. */
async function leaderSeenBy(rig: Rig, replica: Victim): Promise<string | undefined> {
  const { body } = await rig.get(await replica.url, '/v1/sync/status')
  return (body.leader as { replica: string } | undefined)?.replica
}

async function untilLed(rig: Rig, replica: Victim, isIt: (leader: string) => boolean): Promise<string> {
  const startedAt = performance.now()
  for (;;) {
    const leader = await leaderSeenBy(rig, replica)
    if (leader !== undefined && isIt(leader)) return leader
    assert.ok(performance.now() - startedAt < TAKE_OVER_MS, `nobody took over within ${TAKE_OVER_MS} ms`)
    await pause(LOOK_EVERY_MS)
  }
}

/** The first replica leads before the second one is there. */
async function twoReplicas() {
  const rig = await startRig({
    replicas: 1,
    withMarketo: true,
    settings: { SYNC_INTERVAL_SECONDS: '1' },
    setUp,
  })
  const [first] = rig.fleet.victims
  assert.ok(first)
  const leader = await untilLed(rig, first, () => true)
  const second = rig.fleet.join()
  second.start()
  await second.url
  return { rig, first, second, leader }
}

describe('the background sync of several replicas', { skip: withoutServers }, () => {
  for (const [how, leave] of [
    ['is killed', (leader: Victim) => leader.kill()],
    ['is stopped', async (leader: Victim) => leader.pause()],
    ['shuts down', (leader: Victim) => leader.kill('SIGTERM')],
  ] as const) {
    it(`moves to another one when its replica ${how}, and goes on there`, async (t) => {
      const { rig, first, second, leader } = await twoReplicas()
      await using _ = rig
      assert.equal(await leaderSeenBy(rig, second), leader)
      const startedAt = performance.now()
      await leave(first)
      await untilLed(rig, second, (now) => now !== leader)
      t.diagnostic(`another replica led after ${Math.round(performance.now() - startedAt)} ms`)
      rig.sandbox.dataverse.seed('lead', {
        firstname: 'Ann',
        lastname: 'Ek',
        companyname: 'Ek AB',
        emailaddress1: 'ann@example.com',
      })
      const arrivedWithin = performance.now() + TAKE_OVER_MS
      while (rig.sandbox.marketo.people().every(({ email }) => email !== 'ann@example.com')) {
        assert.ok(performance.now() < arrivedWithin, 'the new lead did not arrive in Marketo')
        await pause(LOOK_EVERY_MS)
      }
    })
  }
})
