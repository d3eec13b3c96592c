import type { BindingKind, Bindings } from '../binding-port.ts'
import { text } from '../rows.ts'
import type { Postgres } from './postgres.ts'

/** To send any of the statements twice changes nothing. */
export class PostgresBindings implements Bindings {
  readonly #postgres: Postgres

  constructor(postgres: Postgres) {
    this.#postgres = postgres
  }

  async bind(kind: BindingKind, value: string): Promise<string> {
    const insert = 'insert into binding (kind, value) values (:kind, :value) on conflict (kind) do nothing'
    await this.#postgres.query(insert, { kind, value })
    return (await this.bound(kind)) ?? value
  }

  async bound(kind: BindingKind): Promise<string | undefined> {
    const [row] = await this.#postgres.query('select value from binding where kind = :kind', { kind })
    return row && text(row, 'value')
  }
}
