import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

const LOOK_EVERY_MS = 5
const LOOKS_MAX = 2_000

/** Starts the verbs while a transaction that has run `statements` is open, and ends it once all of them wait for it. */
export async function whileHeld<T>(
  url: string,
  statements: readonly string[],
  verbs: readonly (() => Promise<T>)[],
): Promise<T[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('begin')
    for (const statement of statements) await client.query(statement)
    const running = Promise.all(verbs.map((verb) => verb()))
    let looks = 0
    while ((await waiting(client)) < verbs.length) {
      looks += 1
      assert(looks < LOOKS_MAX, 'the verbs do not wait for what the transaction holds')
      await delay(LOOK_EVERY_MS)
    }
    await client.query('commit')
    return await running
  } finally {
    await client.end()
  }
}

/** How many connections of the database wait for a lock. */
export async function waiting(client: pg.Client): Promise<number> {
  // What a transaction sees of others stands still otherwise.
  await client.query('select pg_stat_clear_snapshot()')
  const { rows } = await client.query(
    "select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  )
  return rows[0]?.waiting as number
}
