import type { Lease, LeaseName, Leases } from '../lease-port.ts'
import { integer, optionalText, text } from '../rows.ts'
import type { Postgres } from './postgres.ts'

/** The database's clock: the replicas' own need not agree. A lease that it could not have given is none. */
const NOW = '(extract(epoch from clock_timestamp()) * 1000)::bigint'
const IS_GOING_ON = `lease.holder = excluded.holder and lease.until > ${NOW}`

const ACQUIRE = `
  insert into lease (name, holder, fence, since, until) values (:name, :holder, 1, ${NOW}, ${NOW} + :ttlMs::bigint)
      on conflict (name) do update
     set holder = excluded.holder, until = excluded.until,
         fence = case when ${IS_GOING_ON} then lease.fence else lease.fence + 1 end,
         since = case when ${IS_GOING_ON} then lease.since else excluded.since end
   where lease.holder = excluded.holder or lease.until not between ${NOW} + 1 and ${NOW} + :ttlMs::bigint
  returning fence`
const RENEW = `
  update lease set until = ${NOW} + :ttlMs::bigint, note = coalesce(:note, note)
   where name = :name and fence = :fence and until > ${NOW}
  returning fence`
const RELEASE = 'update lease set until = 0 where name = :name and fence = :fence'
const READ = `select holder, fence, since, until <= ${NOW} as is_over, note from lease where name = :name`

/** One row a lease, one statement a verb. To send any of them twice changes nothing. */
export class PostgresLeases implements Leases {
  readonly #postgres: Postgres

  constructor(postgres: Postgres) {
    this.#postgres = postgres
  }

  async acquire(name: LeaseName, holder: string, ttlMs: number): Promise<{ fence: number } | undefined> {
    const [row] = await this.#postgres.query(ACQUIRE, { name, holder, ttlMs })
    return row && { fence: integer(row, 'fence') }
  }

  async renew(name: LeaseName, fence: number, ttlMs: number, note?: string): Promise<boolean> {
    const rows = await this.#postgres.query(RENEW, { name, fence, ttlMs, note: note ?? null })
    return rows.length > 0
  }

  async release(name: LeaseName, fence: number): Promise<void> {
    await this.#postgres.query(RELEASE, { name, fence })
  }

  async read(name: LeaseName): Promise<Lease | undefined> {
    const [row] = await this.#postgres.query(READ, { name })
    if (row === undefined) return undefined
    const note = optionalText(row, 'note')
    return {
      holder: text(row, 'holder'),
      fence: integer(row, 'fence'),
      since: integer(row, 'since'),
      isOver: row.is_over === true,
      ...(note !== undefined && { note }),
    }
  }
}
