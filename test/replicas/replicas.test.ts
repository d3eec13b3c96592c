import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../crash/until.ts'
import { withoutBouncer } from '../postgres/bouncer.ts'
import { withoutServers } from '../postgres/cluster.ts'
import { LoadBalancer } from './load-balancer.ts'
import { startRig } from './rig.ts'

const WITHIN = (ms: number) => AbortSignal.timeout(ms)

function person(number: number) {
  return {
    marketoId: number,
    email: `person.${number}@example.com`,
    firstName: `P${number}`,
    lastName: 'Test',
    company: 'Test AB',
  }
}

/** Asks until the replica says so; fails when it does not within that time. */
async function readyAs(url: string, status: number, withinMs: number): Promise<void> {
  const startedAt = performance.now()
  for (;;) {
    const answer = await fetch(`${url}/readyz`)
    await answer.body?.cancel()
    if (answer.status === status) return
    assert.ok(performance.now() - startedAt < withinMs, `still ${answer.status} after ${withinMs} ms`)
  }
}

describe('several replicas', { skip: withoutServers }, () => {
  it('make one record for twins on all of them, and each twin gets it', async () => {
    await using rig = await startRig({ replicas: 3, replyDelayMs: 50 })
    const urls = await Promise.all(rig.fleet.victims.map(({ url }) => url))
    const answers = await Promise.all(
      [1, 2, 3, 4, 5].flatMap((number) => urls.map((url) => rig.call(url, person(number)))),
    )
    const creates = rig.sandbox.dataverse.commits.filter(({ operation }) => operation === 'create')
    assert.equal(creates.length, 5)
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    for (const [index, answer] of answers.entries()) {
      assert.equal(answer.body.recordId, answers[index - (index % urls.length)]?.body.recordId)
    }
    assert.equal(answers.filter(({ body }) => body.outcome === 'created').length, 5)
  })

  it('work through a pooler in transaction mode', { skip: withoutBouncer }, async () => {
    await using rig = await startRig({ replicas: 2, pooled: true })
    const urls = await Promise.all(rig.fleet.victims.map(({ url }) => url))
    const numbers = Array.from({ length: 40 }, (_, index) => index + 1)
    const answers = await Promise.all(
      numbers.flatMap((number) => urls.map((url) => rig.call(url, person(number)))),
    )
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    assert.equal(rig.sandbox.dataverse.commits.length, numbers.length)
  })

  it('answer a replay with the same bytes at any of them', async () => {
    await using rig = await startRig({ replicas: 2 })
    const [first = '', second = ''] = await Promise.all(rig.fleet.victims.map(({ url }) => url))
    const key = { 'idempotency-key': 'one' }
    const answers = [
      await rig.call(first, person(1), key),
      await rig.call(second, person(1), key),
      await rig.call(second, person(2), key),
    ]
    assert.deepEqual(answers[1], answers[0])
    assert.equal(answers[2]?.status, 422)
    assert.equal(rig.sandbox.dataverse.commits.length, 1)
  })

  it('finish within 15 s what a killed one had begun', async () => {
    await using rig = await startRig({ replicas: 2 })
    const [victim, other] = rig.fleet.victims
    assert.ok(victim && other)
    rig.sandbox.dataverse.bend({ operation: 'batch', how: { kind: 'hang-before-commit' } })
    const lost = rig.call(await victim.url, person(1)).catch(() => undefined)
    await until(() => rig.sandbox.dataverse.calls.some(({ path }) => path.endsWith('$batch')), WITHIN(5_000))
    const died = victim.kill()
    await until(() => rig.sandbox.dataverse.commits.length === 1, WITHIN(15_000))
    await Promise.all([died, lost])
    const answer = await rig.call(await other.url, person(1))
    assert.equal(answer.body.outcome, 'exists')
  })

  it('are not ready within 5 s of losing the database, promise nothing meanwhile, and come back by themselves', async () => {
    await using rig = await startRig({ replicas: 1 })
    const [replica] = rig.fleet.victims
    const url = (await replica?.url) ?? ''
    await rig.cluster.stop()
    await readyAs(url, 503, 5_000)
    const refused = await rig.call(url, person(1))
    assert.deepEqual([refused.status, refused.body.code], [503, 'store-unavailable'])
    await rig.cluster.start()
    await readyAs(url, 200, 10_000)
    assert.equal((await rig.call(url, person(1))).body.outcome, 'created')
  })

  it('are restarted one after the other without a failed request', async () => {
    const settings = { SHUTDOWN_DELAY_MS: '4000' }
    await using rig = await startRig({ replicas: 3, replyDelayMs: 20, settings })
    await using balancer = await LoadBalancer.start(rig.fleet.victims)
    await until(() => balancer.ready === 3, WITHIN(10_000))
    const calm = new AbortController()
    const answers: Promise<number>[] = []
    const send = async () => {
      for (let number = 1; !calm.signal.aborted; number += 1) {
        answers.push(
          rig.call(balancer.url, person(number)).then(
            ({ status }) => status,
            () => 0,
          ),
        )
        await pause(20)
      }
    }
    const sending = send()
    for (const victim of rig.fleet.victims) {
      await victim.kill('SIGTERM')
      victim.start()
      await victim.url
      await until(() => balancer.ready === 3, WITHIN(10_000))
    }
    calm.abort()
    await sending
    const counts = Map.groupBy(await Promise.all(answers), (status) => status)
    assert.deepEqual([...counts.keys()], [200], `of ${answers.length} requests`)
  })

  it('lose nothing that they acknowledged when the database fails over to its standby', async () => {
    await using rig = await startRig({ replicas: 2, replyDelayMs: 20 })
    await using standby = await rig.cluster.standby()
    const urls = await Promise.all(rig.fleet.victims.map(({ url }) => url))
    const calm = new AbortController()
    const acknowledged = new Map<number, string>()
    const send = async (url: string, from: number) => {
      for (let number = from; !calm.signal.aborted; number += urls.length) {
        const answer = await rig.call(url, person(number))
        if (answer.status < 300) acknowledged.set(number, String(answer.body.requestId))
      }
    }
    const sending = urls.map((url, index) => send(url, index + 1))
    await until(() => acknowledged.size > 100, WITHIN(30_000))
    const before = acknowledged.size
    await rig.cluster.stop()
    await standby.promote()
    rig.forwarder.pointTo(standby.port)
    await until(() => acknowledged.size > before + 100, WITHIN(30_000))
    calm.abort()
    await Promise.all(sending)
    for (const requestId of acknowledged.values()) {
      const { status } = await rig.get(urls[0] ?? '', `/v1/requests/${requestId}`)
      assert.equal(status, 200, requestId)
    }
    const creates = rig.sandbox.dataverse.commits.map(({ id }) => id)
    assert.equal(new Set(creates).size, creates.length)
  })
})
