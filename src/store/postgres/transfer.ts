import pg from 'pg'
import type { Row } from '../rows.ts'
import { types } from './postgres.ts'
import type { Statement } from './statement.ts'

/**
 * One long transaction, for a command that an operator waits for: the service itself never has one. What is not
 * committed when it is disposed of has not happened.
 */
export class Transfer implements AsyncDisposable {
  readonly #client: pg.Client

  private constructor(client: pg.Client) {
    this.#client = client
  }

  static async begin(url: string): Promise<Transfer> {
    const client = new pg.Client({ connectionString: url, keepAlive: true, types })
    // The statement under way tells of a connection that is lost.
    client.on('error', () => {})
    await client.connect()
    await client.query('begin')
    return new Transfer(client)
  }

  async run({ text, values }: Statement): Promise<Row[]> {
    const { rows } = await this.#client.query<Record<string, unknown>>(text, [...values])
    return rows
  }

  async commit(): Promise<void> {
    await this.#client.query('commit')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end()
  }
}
