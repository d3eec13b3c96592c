import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startSandbox } from '../../sandbox/index.ts'
import { CallbackReceiver } from '../journeys/callback-receiver.ts'
import { withoutServers } from '../postgres/cluster.ts'
import { Draw } from './draw.ts'
import { Fleet } from './fleet.ts'
import { startStore } from './store.ts'
import { until } from './until.ts'

const HOST = '127.0.0.1'
const KEY = 'crash-key-0123456789-0123456789-0123456'
const KILLS = 5
const TIMEOUT_MS = 300_000
/** A dead replica's chunk is free after its lease, and looked for every two seconds. */
const REST_WITHIN_MS = 90_000
const SETTINGS = { DATAVERSE_CALL_TIMEOUT_MS: '500', RECOVERY_INTERVAL_SECONDS: '1' }

test(`each chunk has one whole answer, and each person one record, when the service is killed ${KILLS} times`, (t) =>
  play(t, 1))

test(
  'the same with three replicas on PostgreSQL, who take up what the others leave',
  { skip: withoutServers },
  (t) => play(t, 3),
)

async function play(t: TestContext, replicas: number): Promise<void> {
  const seed = Math.floor(Math.random() * 1_000_000)
  t.diagnostic(`seed ${seed}`)
  const draw = new Draw(seed)
  const over = new AbortController()
  const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), over.signal])
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-flow-step-'))
  await using sandbox = await startSandbox({ host: HOST, replyDelayMs: 10 })
  await using receiver = await CallbackReceiver.listen()
  await using store = await startStore(replicas, directory)
  const fleet = new Fleet({
    host: HOST,
    environment: { ...sandbox.environment(), ...SETTINGS, ...store.environment, API_KEYS: `crash:${KEY}` },
    replicas,
    directory,
  })
  const chunks = new Map<string, number[]>()
  let people = 0
  let sent = 0

  /** As Marketo does: the same chunk again while nobody has answered. */
  const submit = async (token: string, body: string) => {
    for (;;) {
      signal.throwIfAborted()
      const url = await fleet.url.catch(() => undefined)
      sent += 1
      const headers = { 'x-api-key': KEY, 'content-type': 'application/json' }
      const init = { method: 'POST', headers, body }
      const answer = url && (await fetch(`${url}/flow-step/submitAsyncAction`, init).catch(() => undefined))
      if (answer) return assert.equal(answer.status, 201, `${token} was answered ${answer.status}`)
    }
  }
  const campaign = async (calm: AbortSignal) => {
    while (!calm.aborted) {
      const token = `token-${chunks.size}`
      const ids = Array.from({ length: draw.one([1, 3, 60]) }, () => {
        people += 1
        return people
      })
      chunks.set(token, ids)
      if (draw.chance(0.2)) receiver.answers.push(draw.one([0, 503]))
      await submit(token, bodyOf(token, ids, draw.one(['trigger', 'batch']), receiver.url))
    }
  }
  const kill = async () => {
    for (let kills = 0; kills < KILLS; kills += 1) {
      const count = draw.one([
        () => sent,
        () => receiver.received.length,
        () => sandbox.dataverse.calls.length,
        () => sandbox.dataverse.commits.length,
      ])
      const victim = fleet.any(draw)
      if (draw.chance(0.8)) await victim.url
      const enough = count() + draw.between(1, 8)
      await until(() => count() >= enough, signal)
      await victim.kill()
      victim.start()
    }
  }

  fleet.start()
  try {
    const calm = new AbortController()
    const storm = [kill().finally(() => calm.abort()), campaign(calm.signal), campaign(calm.signal)]
    await Promise.all(storm).catch(async (error: unknown) => {
      over.abort(error)
      await Promise.allSettled(storm)
      throw error
    })
    for (const [token, ids] of chunks) {
      const { objectData } = await receiver.takenFor(token, REST_WITHIN_MS)
      assert.deepEqual(
        objectData.map(({ leadData }) => leadData.id),
        ids,
        `the people of ${token}`,
      )
      const outcomes = new Set(objectData.map(({ activityData }) => activityData.outcome))
      assert.deepEqual([...outcomes], ['created'], `the outcomes of ${token}`)
    }
  } finally {
    await fleet.kill()
  }
  const bodies = Map.groupBy(receiver.received, ({ token }) => token)
  for (const [token, tries] of bodies) {
    assert.equal(new Set(tries.map(({ body }) => body)).size, 1, `the bytes of ${token}`)
  }
  const made = sandbox.dataverse.commits.filter(({ operation }) => operation === 'create')
  assert.equal(made.length, people)
  assert.equal(new Set(made.map(({ columns }) => columns.lastname)).size, people)
  t.diagnostic(`${chunks.size} chunks, ${people} people, ${receiver.received.length} callbacks`)
  await rm(directory, { recursive: true })
}

function bodyOf(token: string, ids: readonly number[], type: string, callbackUrl: string): string {
  return JSON.stringify({
    ...{ token, callbackUrl, apiCallBackKey: 'key', campaignId: 7 },
    context: { subscription: { munchkinId: '997-SBX-001' }, campaign: { id: 7, type } },
    objectData: ids.map((id) => ({
      objectType: 'lead',
      objectContext: {
        ...{ id, email: `person.${id}@example.com` },
        ...{ firstName: 'Ann', lastName: `Ek ${id}`, company: 'Ek AB' },
      },
    })),
  })
}
