import type { Logger } from 'pino'
import type { CallContext } from '../../abort.ts'
import type { Clock } from '../../clock.ts'
import type { Changes, FeedPage } from '../../marketo/changes.ts'
import type { LinkMove, NewConflict, Replica, Stream, SyncStore } from '../../store/sync-port.ts'
import type { SyncSettings } from '../settings.ts'
import { saveComputed } from './pages.ts'
import type { Peek, Pull, PullContext, Source } from './stream.ts'

/** How far a part of the change log was taken in. */
interface Position {
  token: string
  /** Epoch ms of the newest entry so far: where to begin again when the token is lost. */
  newestAt: number
}

interface Observed {
  moves?: LinkMove[]
  replicas: Replica[]
  conflicts?: NewConflict[]
}

export interface MarketoStreamOptions<Item> {
  stream: Stream
  intervalMs?: number
  changes: Changes
  store: SyncStore
  clock: Clock
  log: Logger
  settings: SyncSettings
  read(token: string, context: PullContext): Promise<FeedPage<Item> | { kind: 'lost' }>
  /** What a page's entries change; reads the store anew each time it is called. */
  observe(items: readonly Item[], context: PullContext): Promise<Observed>
  /** Asked before a page takes effect: false, or an error, leaves the page for the next round. */
  isTime?(items: readonly Item[], context: PullContext): Promise<boolean>
  /** A store that has a cursor of `after` and none of this stream synced before it existed: the first read goes back by `ms`. */
  catchUp?: { after: Stream; ms: number }
  /** Whether `observe` only computes: the links of merged people move at once. */
  isPure: boolean
}

const NOT_YET: Pull = { more: true, items: 0, skipped: 0, unreadable: 0 }

/** One feed of Marketo's change log. Entries that come twice change nothing. */
export class MarketoStream<Item extends { at: number; marketoId: number }> implements Source {
  readonly stream: Stream
  readonly intervalMs: number
  readonly #options: MarketoStreamOptions<Item>

  constructor(options: MarketoStreamOptions<Item>) {
    this.#options = options
    this.stream = options.stream
    this.intervalMs = options.intervalMs ?? 0
  }

  async pull(context: PullContext): Promise<Pull> {
    const { store, clock, log, isTime, observe } = this.#options
    const { page, newestAt } = await this.#read(context)
    if (isTime && page.items.length > 0 && !(await isTime(page.items, context))) return NOT_YET
    const now = clock.now()
    const newest = page.items.reduce((latest, { at }) => Math.max(latest, at), newestAt)
    const position = JSON.stringify({ token: page.next, newestAt: newest } satisfies Position)
    const saved = await saveComputed(store, async () => ({
      now,
      ...(await observe(page.items, context)),
      cursors: [{ stream: this.stream, position, ...(page.more ? {} : { readAt: now }) }],
    }))
    if (page.unreadable > 0)
      log.error({ event: 'entries-unreadable', stream: this.stream, count: page.unreadable })
    const people = new Set(page.items.map(({ marketoId }) => marketoId)).size
    const skipped = Math.max(0, people - (saved.replicas?.length ?? 0))
    return { more: page.more, items: page.items.length, skipped, unreadable: page.unreadable }
  }

  async peek(context: PullContext): Promise<Peek> {
    const { observe, isPure } = this.#options
    const { page } = await this.#read(context)
    const { replicas } = isPure ? await observe(page.items, context) : { replicas: [] }
    return { changes: page.items.length, more: page.more, seen: replicas, found: [] }
  }

  async #read(context: PullContext): Promise<{ page: FeedPage<Item>; newestAt: number }> {
    const { read, log, settings } = this.#options
    const position = await this.#position(context)
    const page = await read(position.token, context)
    if (page.kind === 'page') return { page, newestAt: position.newestAt }
    log.warn(
      { event: 'cursor-lost', stream: this.stream },
      'The change log is read again from its last entry',
    )
    const again = await this.#begin(position.newestAt, context)
    const retried = await read(again.token, context)
    if (retried.kind === 'page') return { page: retried, newestAt: position.newestAt }
    throw new Error(
      `Marketo rejects a new cursor of ${this.stream} at once (overlap ${settings.overlapMs} ms)`,
    )
  }

  async #begin(at: number, call: CallContext): Promise<Position> {
    const { changes, settings } = this.#options
    return { token: await changes.tokenSince(at - settings.overlapMs, call), newestAt: at }
  }

  async #position(call: CallContext): Promise<Position> {
    const { store, clock, catchUp } = this.#options
    const { cursors } = await store.readState()
    const cursor = cursors.find(({ stream }) => stream === this.stream)
    if (cursor) return JSON.parse(cursor.position) as Position
    const isLate = cursors.some(({ stream }) => stream === catchUp?.after)
    return this.#begin(clock.now() - (isLate && catchUp ? catchUp.ms : 0), call)
  }
}
