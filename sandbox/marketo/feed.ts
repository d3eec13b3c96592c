import { type Activity, TYPE, toChangeWire, toWire, type WireActivity } from './activity.ts'
import { invalidPagingToken } from './errors.ts'
import type { Knobs } from './knobs.ts'
import { type ActivityLog, keyOf } from './log.ts'

export interface FeedParts {
  now: () => number
  log: ActivityLog
  knobs: Knobs
}

interface Asked {
  token: string
  /** Only of these people. */
  leadIds?: readonly number[]
  size?: number
}

export interface FeedPage {
  /** As they go out. */
  items: readonly WireActivity[]
  nextPageToken: string
  moreResult: boolean
}

interface Cursor {
  /** Nothing dated before this is shown, ms. */
  floor: number
  position: number
}

const DAY_MS = 86_400_000
const PAGE_MAX = 300

/** The change log as clients page through it. Adobe, "Activities" and "Paging tokens". */
export class Feed {
  readonly #parts: FeedParts
  #epoch = 0
  #pages = 0

  constructor(parts: FeedParts) {
    this.#parts = parts
  }

  /** Every token that was handed out is lost. */
  expireTokens(): void {
    this.#epoch += 1
  }

  /** For everything dated `since` (epoch ms) or later, in whole seconds. */
  tokenSince(since: number): string {
    const floor = Math.floor(since / 1000) * 1000
    return this.#token({ floor, position: this.#parts.log.positionSince(floor) })
  }

  activities({ typeIds, ...asked }: Asked & { typeIds: readonly number[] }): FeedPage {
    const { deletionsInActivities } = this.#parts.knobs
    const given = typeIds.filter((typeId) => typeId !== TYPE.deleteLead || deletionsInActivities)
    return this.#page(
      asked,
      given.map((typeId) => keyOf(typeId)),
      toWire,
    )
  }

  /** New people, and changes of the fields with these REST names. */
  leadChanges({ fields, ...asked }: Asked & { fields: readonly string[] }): FeedPage {
    const keys = fields.map((name) => keyOf(TYPE.changeDataValue, name))
    return this.#page(asked, [keyOf(TYPE.newLead), ...keys], toChangeWire)
  }

  deletedLeads(asked: Asked): FeedPage {
    return this.#page(asked, [keyOf(TYPE.deleteLead)], toWire)
  }

  #page(
    { token, leadIds, size = PAGE_MAX }: Asked,
    keys: readonly string[],
    toItem: (activity: Activity) => WireActivity,
  ): FeedPage {
    const { now, log, knobs } = this.#parts
    const cursor = this.#read(token)
    this.#pages += 1
    if (knobs.emptyPageEvery > 1 && this.#pages % knobs.emptyPageEvery === 0) {
      return { items: [], nextPageToken: this.#token(cursor), moreResult: true }
    }
    const wanted = leadIds && new Set(leadIds)
    const { items, next, more } = log.read({
      from: cursor.position,
      keys: new Set(keys),
      itemsMax: Math.min(size, knobs.pageItemsMax, PAGE_MAX),
      isWanted: ({ at, typeId, leadId }) =>
        at >= cursor.floor && at >= now() - keptMs(typeId) && (wanted?.has(leadId) ?? true),
    })
    if (knobs.reversePages) items.reverse()
    return {
      items: items.map(toItem),
      nextPageToken: this.#token({ ...cursor, position: next }),
      moreResult: more,
    }
  }

  /** Opaque to the client, and shaped like the real ones. */
  #token({ floor, position }: Cursor): string {
    const text = [this.#epoch, this.#parts.now(), floor / 1000, position].join(' ')
    return `${Buffer.from(text).toString('hex').toUpperCase()}====`
  }

  #read(token: string): Cursor {
    const text = Buffer.from(token, 'hex').toString()
    const [, epoch, issued, floor, position] = /^(\d+) (\d+) (-?\d+) (\d+)$/.exec(text) ?? []
    const { now, knobs } = this.#parts
    const isOld = knobs.pagingTokenLifetimeMs > 0 && Number(issued) < now() - knobs.pagingTokenLifetimeMs
    if (Number(epoch) !== this.#epoch || isOld) throw invalidPagingToken()
    return { floor: Number(floor) * 1000, position: Number(position) }
  }
}

/** How long activities can be read. Adobe, "Data retention policy". */
function keptMs(typeId: number): number {
  switch (typeId) {
    case TYPE.newLead:
      return Number.POSITIVE_INFINITY
    case TYPE.deleteLead:
      return 14 * DAY_MS
    case TYPE.changeDataValue:
    case TYPE.changeScore:
      return 90 * DAY_MS
    default:
      return 25 * 30 * DAY_MS
  }
}
