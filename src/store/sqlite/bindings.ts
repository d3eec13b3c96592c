import type { BindingKind, Bindings } from '../binding-port.ts'
import { text } from '../rows.ts'
import type { Database } from './database.ts'

export class SqliteBindings implements Bindings {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async bind(kind: BindingKind, value: string): Promise<string> {
    const insert = 'insert into binding (kind, value) values (:kind, :value) on conflict (kind) do nothing'
    await this.#db.write(() => this.#db.prepare(insert).run({ kind, value }))
    return (await this.bound(kind)) ?? value
  }

  async bound(kind: BindingKind): Promise<string | undefined> {
    const row = this.#db.prepare('select value from binding where kind = :kind').get({ kind })
    return row && text(row, 'value')
  }
}
