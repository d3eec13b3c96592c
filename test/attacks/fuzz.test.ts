import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import flowStep from '../../openapi/flow-step.json' with { type: 'json' }
import openapi from '../../openapi/openapi.json' with { type: 'json' }
import { API_KEY, startRig } from '../journeys/rig.ts'
import { setUpSandbox } from '../journeys/sync-rig.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { sharedCluster } from '../postgres/shared-cluster.ts'
import { fuzz } from './fuzz.ts'

/** FUZZ_REQUESTS=100000 FUZZ_SEED=1 for a longer run. */
const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 4_000)
const SEED = Number(process.env.FUZZ_SEED ?? randomInt(2 ** 30))
/** Short, so that what waits for Dynamics keeps few others waiting. */
const DEADLINES = { REST_DEADLINE_MS: '1000', WEBHOOK_DEADLINE_MS: '1000' }
const DOCUMENTS = [
  { document: openapi, below: '' },
  { document: flowStep, below: '/flow-step' },
]

for (const database of ['SQLite', 'PostgreSQL'] as const) {
  const skip = database === 'PostgreSQL' && withoutPostgres
  test(`${REQUESTS} hostile requests get no 5xx but 503, on ${database}, seed ${SEED}`, {
    skip,
  }, async (t) => {
    const url = database === 'PostgreSQL' ? await (await sharedCluster()).createDatabase() : undefined
    const settings = { ...DEADLINES, ...(url !== undefined && { DATABASE_URL: url }) }
    const marketo = { limits: { callsPerWindow: 1_000_000, dailyCallsMax: 1_000_000 } }
    await using rig = await startRig(settings, { marketo }, {}, async (sandbox) => {
      await setUpSandbox(sandbox)
      return sandbox.marketoEnvironment()
    })
    const { sent, statuses, faults } = await fuzz({
      ...{ url: rig.url, key: API_KEY, documents: DOCUMENTS, requests: REQUESTS, seed: SEED },
    })
    t.diagnostic(`${sent} requests: ${JSON.stringify(statuses)}`)
    assert.deepEqual(faults, [])
    assert.equal((await rig.request('GET', '/readyz')).status, 200)
    assert.ok((statuses[200] ?? 0) > sent / 50, 'the requests get somewhere')
    const unexpected = rig.log.filter((line) => /"level":"fatal"|"status":500/.test(line))
    assert.deepEqual(unexpected.slice(0, 5), [])
  })
}
