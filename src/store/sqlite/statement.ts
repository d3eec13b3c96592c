import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { Row } from '../rows.ts'

/** By name, or in order. */
type Parameters = [Record<string, SQLInputValue>] | SQLInputValue[]

/** The open file, which may be opened anew while statements go on. */
export interface Connection {
  /** Throws StoreUnavailable while the file is not to be used. */
  current(): DatabaseSync
  /** The error by its name in this service. */
  named(error: unknown): unknown
}

/** A prepared statement. What says that the file cannot be used is thrown as StoreUnavailable. */
export class Statement {
  readonly #sql: string
  readonly #connection: Connection
  #preparedOn: DatabaseSync | undefined
  #prepared: StatementSync | undefined

  constructor(sql: string, connection: Connection) {
    this.#sql = sql
    this.#connection = connection
    this.#use(() => undefined)
  }

  get(...parameters: Parameters): Row | undefined {
    return this.#use((statement) => statement.get(...(parameters as SQLInputValue[])))
  }

  all(...parameters: Parameters): Row[] {
    return this.#use((statement) => statement.all(...(parameters as SQLInputValue[])))
  }

  run(...parameters: Parameters): { changes: number | bigint } {
    return this.#use((statement) => statement.run(...(parameters as SQLInputValue[])))
  }

  /** Row by row, of a file that nothing else uses. */
  iterate(): Iterable<Row> {
    return this.#use((statement) => statement.iterate())
  }

  #use<T>(run: (statement: StatementSync) => T): T {
    try {
      const database = this.#connection.current()
      if (this.#prepared === undefined || this.#preparedOn !== database) {
        this.#prepared = database.prepare(this.#sql)
        this.#preparedOn = database
      }
      return run(this.#prepared)
    } catch (error) {
      throw this.#connection.named(error)
    }
  }
}
