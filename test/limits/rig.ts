import { type Clock, systemClock, systemRandom } from '../../src/clock.ts'
import { Limiter as DataverseLimiter } from '../../src/dataverse/limiter.ts'
import { type DataverseSettings, defaultSettings as dataverseDefaults } from '../../src/dataverse/settings.ts'
import type { LogEvent } from '../../src/log.ts'
import { Limiter as MarketoLimiter } from '../../src/marketo/limiter.ts'
import { type MarketoSettings, defaultSettings as marketoDefaults } from '../../src/marketo/settings.ts'
import { migrate } from '../../src/store/postgres/migrations.ts'
import { Postgres } from '../../src/store/postgres/postgres.ts'
import { PostgresQuota } from '../../src/store/postgres/quota.ts'
import { settled } from '../dataverse/manual-clock.ts'
import { sharedCluster } from '../postgres/shared-cluster.ts'

/** The database's side of a replica's questions, which a test may count, hold and break. */
export interface Wire {
  asked: number
  underWay: number
  /** The last question. */
  sent: Readonly<Record<string, unknown>> | undefined
  /** Answers are given when this has resolved. */
  held: Promise<void> | undefined
  broken: Error | undefined
  /** Sent once more before the answer is given. */
  twice: boolean
}

export interface Replica {
  wire: Wire
  log: LogEvent[]
  /** As a new process has them: with a name of its own. */
  marketo(changed?: Partial<MarketoSettings>): MarketoLimiter
  dataverse(changed?: Partial<DataverseSettings>, own?: Clock): DataverseLimiter
  /** What is asked during `work` is answered after it. */
  answerLate(work: () => Promise<unknown>): Promise<void>
  /** As a crash does: nothing is given back. */
  die(): void
}

let quotas = 0
const nameOf = (vendor: string) => `${vendor} ${quotas}`

/** Replicas of one quota, each with a pool of its own; the database goes by `clock` where one is given. */
export async function openReplicas(count: number, clock?: Clock) {
  const cluster = await sharedCluster()
  const url = await cluster.createDatabase()
  const connect = () =>
    new Postgres({ url, poolMax: 2, clock: systemClock, random: systemRandom, lost: () => {} })
  const pools = Array.from({ length: count }, connect)
  const functions = await migrate(pools[0] ?? connect())
  let life = new AbortController()
  const open = (postgres: Postgres, index: number): Replica => {
    let death = new AbortController()
    const wire: Wire = {
      asked: 0,
      underWay: 0,
      sent: undefined,
      held: undefined,
      broken: undefined,
      twice: false,
    }
    const log: LogEvent[] = []
    const events = { debug: (event: LogEvent) => log.push(event), warn: (event: LogEvent) => log.push(event) }
    const send: Postgres['query'] = async (sql, parameters) => {
      if (wire.broken) throw wire.broken
      const timed = clock ? sql.replace(':ask::jsonb', `:ask::jsonb, ${clock.now()}`) : sql
      const rows = await postgres.query(timed, parameters)
      return wire.twice ? postgres.query(timed, parameters) : rows
    }
    const query: Postgres['query'] = async (sql, parameters) => {
      wire.asked += 1
      wire.underWay += 1
      wire.sent = parameters
      const rows = await send(sql, parameters).finally(() => {
        wire.underWay -= 1
      })
      await wire.held
      return rows
    }
    let lives = 0
    const options = (vendor: string, own = clock ?? systemClock) => {
      lives += 1
      const replica = `replica ${index + 1}, life ${lives}`
      const quota = new PostgresQuota({ postgres: { query }, functions, replica, clock: own })
      death = new AbortController()
      return {
        clock: own,
        closing: AbortSignal.any([life.signal, death.signal]),
        shared: { quota, name: nameOf(vendor), log: events },
      }
    }
    return {
      wire,
      log,
      marketo: (changed = {}) =>
        new MarketoLimiter({ settings: { ...marketoDefaults, ...changed }, ...options('marketo') }),
      dataverse: (changed = {}, own) =>
        new DataverseLimiter({
          settings: { ...dataverseDefaults, ...changed },
          ...options('dataverse', own),
        }),
      async answerLate(work) {
        const { promise, resolve } = Promise.withResolvers<void>()
        wire.held = promise
        await work()
        wire.held = undefined
        resolve()
        for (let calm = 0; calm < 100; calm += 1) await settled()
      },
      die: () => death.abort(new Error('dead')),
    }
  }
  const replicas = pools.map(open)
  return {
    replicas,
    postgres: pools[0] ?? connect(),
    functions,
    nameOf,
    /** Everything begins anew. */
    refresh() {
      quotas += 1
      life.abort(new Error('over'))
      life = new AbortController()
    },
    async [Symbol.asyncDispose]() {
      life.abort(new Error('over'))
      await Promise.all(pools.map((pool) => pool.close()))
    },
  }
}

/** No question is with the database, and what its answers set off is done. */
export async function quiet(replicas: readonly Replica[]): Promise<void> {
  for (let calm = 0; calm < 3; calm += 1) {
    await settled()
    if (replicas.some(({ wire }) => wire.underWay > 0)) calm = 0
  }
}

/** Polls until the condition holds; real databases answer when they answer. */
export async function until(holds: () => boolean, what: string, withinMs = 5_000): Promise<void> {
  const deadline = systemClock.now() + withinMs
  while (!holds()) {
    if (systemClock.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await systemClock.sleep(1)
  }
}
