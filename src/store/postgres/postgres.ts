import pg from 'pg'
import type { Clock, Random } from '../../clock.ts'
import { StoreUnavailable, Unavailable } from '../../errors.ts'
import { retry } from '../../retry.ts'
import type { Row } from '../rows.ts'
import { asLost } from './lost.ts'
import { type Statement, statement } from './statement.ts'

export interface PostgresOptions {
  /** postgres://user:password@host:port/database, with what node-postgres knows as query, such as sslmode. */
  url: string
  /** Connections of this process, at most. */
  poolMax: number
  clock: Clock
  random: Random
  /** Told of a connection that broke while nobody used it: a fact for the log, no fault. */
  lost: (error: Error) => void
  limits?: Partial<PostgresLimits>
}

export interface PostgresLimits {
  /** A connection must be there within. */
  connectMs: number
  /** The server ends a verb's statement after: neither a lock nor the network may hold up a webhook for its 30 s. */
  verbMs: number
  /** The same for a script, which nobody waits for. */
  scriptMs: number
  probeMs: number
  /** How long what a lost connection has undone is tried again. */
  retryForMs: number
}

const LIMITS: PostgresLimits = {
  connectMs: 3_000,
  verbMs: 8_000,
  scriptMs: 60_000,
  probeMs: 2_000,
  retryForMs: 8_000,
}
/** Of every connection of the service. */
export const APPLICATION_NAME = 'sync-person-to-microsoft'
const RETRY_BACKOFF = { baseMs: 50, maxMs: 1_000 }
/**
 * A process that is stopped in the middle of sending a transaction must not hold its locks, and what nobody waits for
 * any more must not be done: after that time the server itself ends the statement.
 */
const beginFor = (timeoutMs: number) =>
  `begin; set local idle_in_transaction_session_timeout = '5s'; set local statement_timeout = ${timeoutMs}`
/** How much longer its answer may take: only a network or a server that swallows everything needs that. */
const ANSWER_MARGIN_MS = 1_000

/** Whole numbers of the store are times and counts, far below 2^53. */
export const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === pg.types.builtins.INT8
      ? Number
      : pg.types.getTypeParser(oid, format === 'binary' ? format : 'text'),
}

/**
 * Statements on a pool of connections. No transaction is open across a round trip and nothing is kept in a session,
 * so a pooler in transaction mode may stand in between. What is sent may be sent twice: every verb is idempotent.
 */
export class Postgres {
  readonly #options: PostgresOptions
  readonly #limits: PostgresLimits
  readonly #pool: pg.Pool
  readonly #closing = new AbortController()

  constructor(options: PostgresOptions) {
    this.#options = options
    this.#limits = { ...LIMITS, ...options.limits }
    this.#pool = new pg.Pool({
      connectionString: options.url,
      max: options.poolMax,
      connectionTimeoutMillis: this.#limits.connectMs,
      query_timeout: this.#limits.scriptMs,
      keepAlive: true,
      application_name: APPLICATION_NAME,
      // All statements of a burst are on the wire before the first answer.
      pipeline: true,
      types,
    } as pg.PoolConfig)
    this.#pool.on('error', options.lost)
    // Of one that is in use, the statement under way tells its owner.
    this.#pool.on('connect', (client) => client.on('error', () => {}))
  }

  /** One statement, in a transaction of its own. */
  query(sql: string, parameters?: Readonly<Record<string, unknown>>): Promise<Row[]> {
    return this.run(statement(sql, parameters))
  }

  async run(one: Statement): Promise<Row[]> {
    const [rows = []] = await this.transaction([one])
    return rows
  }

  /** One transaction in one burst. Gives the rows of each statement. */
  transaction(statements: readonly Statement[]): Promise<Row[][]> {
    return this.#again((client) => burst(client, statements, this.#limits.verbMs))
  }

  /** Statements in one message, which may bring a transaction of their own. Gives the rows of all of them. */
  script(text: string): Promise<Row[]> {
    return this.#again((client) => sendScript(client, text))
  }

  /** One statement that is not tried again. Throws StoreUnavailable when it is not done at once. */
  async once(sql: string): Promise<void> {
    try {
      await this.#once((client) => burst(client, [statement(sql)], this.#limits.probeMs))
    } catch (error) {
      throw asUnavailable(error)
    }
  }

  /** What is under way is answered first. Idempotent. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort(new StoreUnavailable('The store is closed'))
    await this.#pool.end()
  }

  async #again<T>(run: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const { clock, random } = this.#options
    const { signal } = this.#closing
    signal.throwIfAborted()
    const deadline = clock.now() + this.#limits.retryForMs
    try {
      return await retry(() => this.#once(run), { backoff: RETRY_BACKOFF, deadline, signal, clock, random })
    } catch (error) {
      throw asUnavailable(error)
    }
  }

  async #once<T>(run: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    let client: pg.PoolClient
    try {
      client = await this.#pool.connect()
    } catch (error) {
      throw asLost(error)
    }
    let lost = true
    try {
      const result = await run(client)
      lost = false
      return result
    } catch (error) {
      const named = asLost(error)
      lost = named instanceof Unavailable
      throw named
    } finally {
      client.release(lost)
    }
  }
}

/** Once it is not tried any more. */
function asUnavailable(error: unknown): unknown {
  return error instanceof Unavailable ? new StoreUnavailable(error.message, { cause: error.cause }) : error
}

async function send(client: pg.PoolClient, { text, values }: Statement, timeoutMs: number): Promise<Row[]> {
  const query = { text, values: [...values], query_timeout: timeoutMs }
  const { rows } = await client.query<Record<string, unknown>>(query)
  return rows
}

/** Where it breaks off, its transaction is left open: the connection is not handed on like that. */
async function sendScript(client: pg.PoolClient, text: string): Promise<Row[]> {
  try {
    const result: pg.QueryResult<Row> | pg.QueryResult<Row>[] = await client.query(text)
    return [result].flat().flatMap(({ rows }) => rows)
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  }
}

/** The first error is the cause; those after it only say that the transaction is over. */
async function burst(
  client: pg.PoolClient,
  statements: readonly Statement[],
  timeoutMs: number,
): Promise<Row[][]> {
  const answerMs = timeoutMs + ANSWER_MARGIN_MS
  // All of them together: the commit is on its way already, and nobody can call it back.
  const begun = send(client, statement(beginFor(Math.floor(timeoutMs / statements.length))), answerMs)
  const sent = statements.map((one) => send(client, one, answerMs))
  const ended = send(client, statement('commit'), answerMs)
  const results = await Promise.allSettled([begun, ...sent, ended])
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
  return Promise.all(sent)
}
