import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { withoutPostgres } from '../postgres/cluster.ts'
import { sharedCluster } from '../postgres/shared-cluster.ts'
import { expireSecret, type Rig, type Settings, startRig, WEBHOOK } from './rig.ts'

const BRIEF = { REST_DEADLINE_MS: '2000', WEBHOOK_DEADLINE_MS: '2000' }
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const LOOK_EVERY_MS = 50

const person = (marketoId: number) => ({
  marketoId,
  email: `person.${marketoId}@example.com`,
  firstName: 'Ann',
  lastName: 'Ek',
  company: 'Ek AB',
})

type Line = Record<string, unknown>
const lines = (rig: Rig, event: string): Line[] =>
  rig.log.map((line) => JSON.parse(line) as Line).filter((line) => line.event === event)

async function waitingOf(rig: Rig, requestId: unknown): Promise<Record<string, unknown>> {
  return (await rig.request('GET', `/v1/requests/${requestId}`)).body
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await pause(LOOK_EVERY_MS)
}

const webhook = (rig: Rig, marketoId: number) =>
  rig.request('POST', WEBHOOK, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(person(marketoId)),
  })

/** What stands in the way, as the sandbox plays it, and the code that says so. */
const OBSTACLES: readonly [string, (rig: Rig) => void, string][] = [
  [
    'Dynamics asks to wait',
    (rig) => {
      const how = { kind: 'throttle', code: '0x80072322', retryAfter: '30' } as const
      rig.sandbox.dataverse.bend({ operation: 'batch', how })
    },
    'vendor-busy',
  ],
  [
    'Dynamics gives no usable answer',
    (rig) => {
      for (let times = 0; times < 99; times += 1) {
        rig.sandbox.dataverse.bend({ operation: 'batch', how: { kind: 'html-502-before-commit' } })
      }
    },
    'vendor-unavailable',
  ],
  ['the client secret has expired', expireSecret, 'entra-secret-expired'],
  [
    'Dynamics has not answered yet',
    (rig) => rig.sandbox.dataverse.bend({ operation: 'batch', how: { kind: 'hang-before-commit' } }),
    'in-progress',
  ],
]

function suite(name: string, settings: () => Promise<Settings>, skip: string | false = false): void {
  describe(`a queued request on ${name}`, { skip }, () => {
    for (const [what, bend, code] of OBSTACLES) {
      it(`says that ${what}, in its answer, in its request and in its activity`, async () => {
        await using rig = await startRig({ ...BRIEF, ...(await settings()) })
        bend(rig)
        for (const [marketoId, sent] of [
          [1, await rig.sync(person(1))],
          [2, await webhook(rig, 2)],
        ] as const) {
          if (marketoId === 2 && code === 'in-progress') continue
          const { requestId, ...answer } = sent.body
          assert.deepEqual([answer.outcome, answer.code], ['queued', code], String(marketoId))
          assert.match(String(answer.advice), /\w/)
          assert.match(String(answer.nextAttemptAt), ISO)
          const waiting = await waitingOf(rig, requestId)
          assert.deepEqual([waiting.outcome, waiting.code, waiting.advice], ['queued', code, answer.advice])
          const { body } = await rig.request('GET', `/v1/people/${marketoId}/activities`)
          const [activity] = body.activities as Line[]
          const { outcome, attempts, nextAttemptAt } = waiting
          const { code: logged, outcome: was, attempts: tries, nextAttemptAt: next } = activity ?? {}
          assert.deepEqual([was, logged, tries, next], [outcome, code, attempts, nextAttemptAt])
        }
      })
    }

    it('counts its attempts, and its settling is one line of the log', async () => {
      await using rig = await startRig({ ...BRIEF, ...(await settings()) })
      expireSecret(rig)
      const { body } = await rig.sync(person(1))
      await until(async () => Number((await waitingOf(rig, body.requestId)).attempts) >= 2)
      const { requestId } = body
      assert.deepEqual(lines(rig, 'request-settled'), [])
      rig.sandbox.entra.reset()
      assert.equal((await rig.outcomeOf(requestId)).outcome, 'created')
      const settled = lines(rig, 'request-settled').map(({ time, msg, ...line }) => line)
      assert.deepEqual(settled, [
        { level: 'info', event: 'request-settled', requestId, source: 'rest', outcome: 'created' },
      ])
    })

    it('is reported once a minute for each code, however many people meet the same obstacle', async () => {
      await using rig = await startRig({ ...BRIEF, ...(await settings()) })
      expireSecret(rig)
      const sent = await Promise.all([1, 2, 3, 4, 5].map((marketoId) => rig.sync(person(marketoId))))
      assert.ok(sent.every(({ body }) => body.code === 'entra-secret-expired'))
      const reported = lines(rig, 'attempt-unfinished')
      assert.deepEqual(
        reported.map(({ level, code, err }) => [level, code, err]),
        [['error', 'entra-secret-expired', undefined]],
      )
      const { body } = await rig.request('GET', '/v1/sync/status')
      const [waiting] = body.waiting as Line[]
      assert.deepEqual([waiting?.code, waiting?.requests], ['entra-secret-expired', 5])
      assert.ok(Number(waiting?.ageMs) >= 0)
      const metrics = (await rig.request('GET', '/metrics')).text
      assert.match(metrics, /^flow_action_waiting_requests\{code="entra-secret-expired"\} 5$/m)
      assert.match(metrics, /^flow_action_oldest_waiting_seconds\{code="entra-secret-expired"\} [\d.]+$/m)
    })

    it('repeats its first answer byte by byte, whatever became of it meanwhile', async () => {
      await using rig = await startRig({ ...BRIEF, ...(await settings()) })
      expireSecret(rig)
      const key = { 'idempotency-key': 'k' }
      const first = await rig.sync(person(1), key)
      assert.equal(first.body.code, 'entra-secret-expired')
      rig.sandbox.entra.reset()
      await rig.outcomeOf(first.body.requestId)
      const again = await rig.sync(person(1), key)
      assert.deepEqual([again.status, again.text], [first.status, first.text])
    })

    it('of a twin says so', async () => {
      await using rig = await startRig({ ...BRIEF, ...(await settings()) })
      rig.sandbox.dataverse.bend({ operation: 'batch', how: { kind: 'hang-before-commit' } })
      const twins = await Promise.all([rig.sync(person(1)), rig.sync(person(1))])
      // Either may be the first.
      assert.deepEqual(twins.map(({ body }) => body.code).sort(), ['in-progress', 'twin-at-work'])
    })

    it('of a batch campaign is in progress', async () => {
      await using rig = await startRig({ ...BRIEF, ...(await settings()) })
      const { status, body } = await rig.sync({ person: person(1), campaign: { type: 'batch' } })
      assert.deepEqual([status, body.code, body.attempts], [202, 'in-progress', 0])
    })
  })
}

suite('SQLite', async () => ({}))
suite(
  'PostgreSQL',
  async () => ({ DATABASE_URL: await (await sharedCluster()).createDatabase() }),
  withoutPostgres,
)
