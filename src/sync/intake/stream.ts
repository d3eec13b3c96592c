import type { CallContext } from '../../abort.ts'
import type { SyncSchema } from '../../person/sync-schema.ts'
import type { NewReplica, Replica, Stream } from '../../store/sync-port.ts'

/** One page of a stream, taken in. */
export interface Pull {
  /** Another page waits now. */
  more: boolean
  /** Entries or rows of the page. */
  items: number
  /** Of these, about nobody we sync. */
  skipped: number
  /** Of these, not readable; the log names them. */
  unreadable: number
}

export interface PullContext extends CallContext {
  schema: SyncSchema
}

/** What a pull would take in. */
export interface Peek {
  changes: number
  more: boolean
  /** Links as they would be. */
  seen: readonly Replica[]
  found: readonly NewReplica[]
}

/** A source of changes. `pull` takes one page in, with the cursor, in one transaction. */
export interface Source {
  readonly stream: Stream
  /** Milliseconds between two reads up to the end; absent: every cycle. */
  readonly intervalMs?: number
  /** Before a schema is first used. */
  adopt?(schema: SyncSchema): Promise<void>
  pull(context: PullContext): Promise<Pull>
  /** The next page, with nothing saved. */
  peek(context: PullContext): Promise<Peek>
}
