import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Sandbox } from '../../sandbox/index.ts'
import { systemClock } from '../../src/clock.ts'
import { type Reply, type Rig, type Settings, startRig, WEBHOOK } from '../journeys/rig.ts'
import { Cluster } from '../postgres/cluster.ts'

/** One fault after the other, each while 200 webhooks arrive at once. */

const WEBHOOKS = 200
/** Marketo gives up after 30 s; WEBHOOK_DEADLINE_MS is 25 s. */
const ANSWER_MAX_MS = 25_500
/** From the end of the fault until everybody must have an outcome. */
const REST_MAX_MS = 180_000
const LOOK_EVERY_MS = 250
/** More than the service calls while a fault lasts. */
const CALLS = 2_000
const HOUR_MS = 3_600_000

export interface FaultRow {
  fault: string
  answered: number
  /** Refused with 503, nothing stored: sent again after the fault, as an operator's campaign would. */
  refused: number
  slowestMs: number
  queued: number
  doubled: number
  lost: number
}

interface Ground {
  rig: Rig
  /** The database's, where the fault is one of PostgreSQL. */
  cluster: Cluster | undefined
  /** Moves the wall clock of the service. */
  shiftClock(ms: number): void
  database: string | undefined
}

interface Fault {
  name: string
  on?: 'PostgreSQL'
  settings?: Settings
  /** People come with a Marketo id alone. */
  idAlone?: true
  begin(ground: Ground): Promise<void> | void
  end?(ground: Ground): Promise<void> | void
}

function many(bend: () => void): void {
  for (let calls = 0; calls < CALLS; calls += 1) bend()
}

type Dataverse = Sandbox['dataverse']

function dynamics(
  name: string,
  operation: 'batch' | 'create',
  how: Parameters<Dataverse['bend']>[0]['how'],
): Fault {
  return {
    name: `Dynamics: ${name} (${operation === 'batch' ? 'look-up' : 'create'})`,
    begin: ({ rig: { sandbox } }) => many(() => sandbox.dataverse.bend({ operation, how })),
    end: ({ rig: { sandbox } }) => sandbox.dataverse.unbend(),
  }
}

function entra(name: string, how: Parameters<Sandbox['entra']['bend']>[0]): Fault {
  return {
    name: `Entra: ${name}`,
    begin({ rig: { sandbox } }) {
      sandbox.entra.revokeTokens()
      many(() => sandbox.entra.bend(how))
    },
    end: ({ rig: { sandbox } }) => sandbox.entra.unbend(),
  }
}

function marketo(name: string, how: Parameters<Sandbox['marketo']['bend']>[0]['how']): Fault {
  return {
    name: `Marketo: ${name} (people with an id alone)`,
    idAlone: true,
    begin: ({ rig: { sandbox } }) => many(() => sandbox.marketo.bend({ operation: 'leads', how })),
    end: ({ rig: { sandbox } }) => sandbox.marketo.unbend(),
  }
}

const FAULTS: readonly Fault[] = [
  dynamics('hangs', 'batch', { kind: 'hang-before-commit' }),
  dynamics('connection reset', 'batch', { kind: 'reset-before-commit' }),
  dynamics('502 as HTML', 'batch', { kind: 'html-502-before-commit' }),
  dynamics('503', 'batch', { kind: 'fail-before-commit', status: 503, retryAfter: '2' }),
  dynamics('429 for 3 s', 'batch', { kind: 'throttle', code: '0x80072322', retryAfter: '3' }),
  dynamics('401', 'batch', { kind: 'unauthorized' }),
  dynamics('answer cut off', 'batch', { kind: 'cut-body-after-commit', ending: 'clean' }),
  dynamics('one byte a second', 'batch', { kind: 'drip-after-commit', gapMs: 1_000 }),
  dynamics('hangs, and creates', 'create', { kind: 'hang-after-commit' }),
  dynamics('hangs, and does not create', 'create', { kind: 'hang-before-commit' }),
  dynamics('creates, and resets', 'create', { kind: 'reset-after-commit' }),
  dynamics('creates 5 s after the reset', 'create', { kind: 'commit-late', afterMs: 5_000, answer: 'reset' }),
  dynamics('creates 5 s after a 504', 'create', { kind: 'commit-late', afterMs: 5_000, answer: '504' }),
  dynamics('deadlock', 'create', { kind: 'deadlock' }),
  entra('hangs', { kind: 'hang' }),
  entra('503', { kind: 'error', status: 503 }),
  entra('expired secret', { kind: 'aadsts', code: 7_000_222, status: 401 }),
  marketo('hangs', { kind: 'hang' }),
  marketo('606, too many calls', { kind: 'error', code: '606' }),
  marketo('502 as HTML', { kind: 'html', status: 502 }),
  {
    name: 'PostgreSQL: connections cut every 0.5 s',
    on: 'PostgreSQL',
    async begin({ cluster }) {
      for (let cuts = 0; cuts < 6; cuts += 1) {
        await cluster?.cutConnections()
        await delay(500)
      }
    },
  },
  {
    name: 'PostgreSQL: restarted',
    on: 'PostgreSQL',
    begin: async ({ cluster }) => cluster?.restart(),
  },
  {
    name: 'PostgreSQL: tables locked for 12 s',
    on: 'PostgreSQL',
    async begin({ database }) {
      const client = new pg.Client({ connectionString: database })
      await client.connect()
      await client.query('begin; lock table link, request in access exclusive mode')
      await delay(12_000)
      await client.query('commit')
      await client.end()
    },
  },
  clock('set back by an hour', -HOUR_MS),
  clock('set ahead by an hour', HOUR_MS),
]

function clock(name: string, ms: number): Fault {
  return {
    name: `Clock: ${name}, Dynamics throttles for 3 s`,
    begin({ rig: { sandbox }, shiftClock }) {
      const how = { kind: 'throttle', code: '0x80072322', retryAfter: '3' } as const
      for (let calls = 0; calls < 3; calls += 1) sandbox.dataverse.bend({ operation: 'batch', how })
      shiftClock(ms)
    },
  }
}

/** One row for each fault; `say` hears of each. */
export async function playFaults(say: (row: FaultRow) => void): Promise<FaultRow[]> {
  await using cluster = await Cluster.start()
  const rows: FaultRow[] = []
  for (const fault of FAULTS) {
    const row = await playFault(fault, cluster)
    say(row)
    rows.push(row)
  }
  return rows
}

/** What a row breaks; empty is what we want. */
export function brokenBy({ fault, answered, refused, slowestMs, doubled, lost }: FaultRow): string[] {
  return [
    ...(answered + refused === WEBHOOKS
      ? []
      : [`${fault}: ${answered + refused} of ${WEBHOOKS} were answered`]),
    ...(slowestMs <= ANSWER_MAX_MS ? [] : [`${fault}: an answer took ${slowestMs} ms`]),
    ...(doubled === 0 ? [] : [`${fault}: ${doubled} records too many`]),
    ...(lost === 0 ? [] : [`${fault}: ${lost} people have no outcome`]),
  ]
}

async function playFault(fault: Fault, servers: Cluster): Promise<FaultRow> {
  const cluster = fault.on === 'PostgreSQL' ? servers : undefined
  const database = await cluster?.createDatabase()
  let shift = 0
  const ports = { clock: { ...systemClock, now: () => systemClock.now() + shift } }
  const settings = {
    SYNC_INTERVAL_SECONDS: '0',
    ...(database && { DATABASE_URL: database }),
    ...fault.settings,
  }
  await using rig = await startRig(settings, {}, ports, async (sandbox) => sandbox.marketoEnvironment())
  const ids = Array.from({ length: WEBHOOKS }, (_, index) =>
    rig.sandbox.marketo.seed({ ...personOf(index), company: 'Ek AB' }),
  )
  const ground: Ground = {
    rig,
    cluster,
    database,
    shiftClock(ms) {
      shift += ms
    },
  }
  const begun = Promise.resolve(fault.begin(ground))
  const replies = await Promise.all(ids.map((id, index) => call(rig, id, index, fault.idAlone)))
  await begun
  await fault.end?.(ground)
  const refused = ids.filter((_, index) => replies[index]?.reply.status === 503)
  const again = await Promise.all(refused.map((id) => call(rig, id, ids.indexOf(id), fault.idAlone)))
  const accepted = [...replies, ...again].filter(({ reply }) => reply.status === 200)
  const ended = await outcomesOf(
    rig,
    accepted.map(({ reply }) => reply),
  )
  const created = rig.sandbox.dataverse.commits.filter(({ operation }) => operation === 'create')
  const records = Map.groupBy(created, ({ columns }) => columns.emailaddress1)
  return {
    fault: fault.name,
    answered: replies.filter(({ reply }) => reply.status === 200).length,
    refused: refused.length,
    slowestMs: Math.round(Math.max(...replies.map(({ tookMs }) => tookMs))),
    queued: replies.filter(({ reply }) => reply.body.outcome === 'queued').length,
    doubled: created.length - records.size,
    lost: WEBHOOKS - ended.filter((outcome) => outcome === 'created' || outcome === 'exists').length,
  }
}

function personOf(index: number) {
  return { email: `person.${index}@example.com`, firstName: 'Ann', lastName: `Ek ${index}` }
}

async function call(rig: Rig, marketoId: number, index: number, idAlone?: true) {
  const startedAt = performance.now()
  const body = JSON.stringify({ marketoId, ...(!idAlone && { ...personOf(index), company: 'Ek AB' }) })
  const reply = await rig.request('POST', WEBHOOK, { headers: { 'content-type': 'application/json' }, body })
  return { reply, tookMs: performance.now() - startedAt }
}

/** How each request ended; 'queued' for those that did not in time. */
async function outcomesOf(rig: Rig, replies: readonly Reply[]): Promise<unknown[]> {
  const endBy = performance.now() + REST_MAX_MS
  return Promise.all(
    replies.map(async ({ body }) => {
      let { outcome } = body
      while (outcome === 'queued' && performance.now() < endBy) {
        await delay(LOOK_EVERY_MS)
        const seen = await rig.request('GET', `/v1/requests/${body.requestId}`)
        outcome = seen.status === 200 ? seen.body.outcome : outcome
      }
      return outcome
    }),
  )
}
