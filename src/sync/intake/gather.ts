import type { RefusedRows, Rows } from '../../dataverse/rows.ts'
import type { People, RefusedReads } from '../../marketo/people.ts'
import type { SyncSchema } from '../../person/sync-schema.ts'
import type { LinkMove, NewFailure, Replica } from '../../store/sync-port.ts'
import { halfOf } from '../decide/agreement.ts'
import { isSearching, searching, touch, withoutDynamics, withoutMarketo } from '../decide/replica.ts'
import type { SyncSettings } from '../settings.ts'
import { seePerson } from './see-person.ts'
import { heirOf, seeDeleted, seeRow } from './see-rows.ts'
import type { PullContext } from './stream.ts'

/** Replicas with both sides known, and what was learned of their links on the way. */
export interface Gathered {
  replicas: Replica[]
  moves: LinkMove[]
  /**
   * Their records were merged or qualified into others, and the stream hands their links over first; or Marketo was
   * not asked for their person yet.
   */
  leaving: Replica[]
  /** A side refuses every call that asks for their person, their record, or the one that this was merged into. */
  refused: { replica: Replica; failure: NewFailure }[]
}

export interface GatherOptions {
  people: People
  rows: Rows
  settings: SyncSettings
}

/**
 * Epoch ms from which no write to Marketo can land any more that has no answer. A process that was killed, or led
 * before, may have sent it long after the intent was stored, but before this one began to lead.
 */
export function settledAt({ intent }: Replica, startedAt: number, { settleMs }: SyncSettings): number {
  return intent?.toMarketo ? Math.max(intent.at, startedAt) + settleMs : Number.NEGATIVE_INFINITY
}

/**
 * A settled replica as work finds it: what was on its way when the process ended, or was not proven in time, is
 * read before anything is decided.
 */
export function takeUp(replica: Replica, now: number, { confirmMs }: SyncSettings): Replica {
  const { intent } = replica
  let taken = replica
  // Of a row that was deleted since, all is known that there is to know.
  if (intent?.toDynamics && replica.state !== 'tombstoned') taken = withoutDynamics(taken)
  if (intent?.toMarketo) taken = withoutMarketo(taken)
  const late = taken.sent.some((sent) => !sent.confirmed && !sent.blocked && now >= sent.at + confirmMs)
  return late ? withoutMarketo(taken) : taken
}

/** Reads in bulk what is not known of either side. Throws the vendors' errors: nothing is lost, all stay due. */
export async function gather(
  replicas: readonly Replica[],
  now: number,
  { people, rows, settings }: GatherOptions,
  context: PullContext,
): Promise<Gathered> {
  const moves: LinkMove[] = []
  const { schema } = context

  // Without the version of the row, what is known of it is what was expected to be there.
  const isKnown = ({ dynamics, etag }: Replica) => dynamics !== undefined && etag !== undefined
  const unread = replicas.filter((replica) => !isKnown(replica) && replica.state !== 'tombstoned')
  const refs = unread.map(({ recordType: table, recordId: id }) => ({ table, id }))
  const unreadable: RefusedRows = new Map()
  const found = refs.length === 0 ? new Map() : await rows.readRows(refs, schema.selects, context, unreadable)

  const strangers = replicas.flatMap(({ marketo, marketoId }) =>
    marketo === undefined && marketoId !== undefined ? [marketoId] : [],
  )
  const notRead: RefusedReads<number> = new Map()
  const known =
    strangers.length === 0 ? new Map() : await people.read(strangers, schema.readFields, context, notRead)

  const handedOver = unread.flatMap(({ recordType, recordId }) => {
    const row = found.get(`${recordType}:${recordId}`)
    const heir = row && heirOf(row, recordType)
    return heir ? [{ table: heir.recordType, id: heir.recordId }] : []
  })
  const heirs =
    handedOver.length === 0 ? new Map() : await rows.readRows(handedOver, schema.selects, context, unreadable)

  const leaving: Replica[] = []
  const refused: Gathered['refused'] = []
  const unseen = new Set(unread)
  const gathered = replicas.flatMap((replica) => {
    let after = replica
    if (unseen.has(replica)) {
      const row = found.get(`${replica.recordType}:${replica.recordId}`)
      const heir = row && heirOf(row, replica.recordType)
      const { recordType: table, recordId: id } = heir ?? replica
      const notGiven = unreadable.get(`${table}:${id}`)
      if (notGiven) refused.push({ replica, failure: { side: 'dynamics', ...notGiven } })
      if (notGiven) return []
      if (heir && heirs.has(`${heir.recordType}:${heir.recordId}`)) {
        leaving.push(replica)
        return []
      }
      const { linkId, recordType, recordId, priority, epoch } = replica
      if (row === undefined) moves.push({ kind: 'tombstone', linkId, recordType, recordId })
      after = row
        ? seeUnread(
            replica,
            seeRow(replica, row, { now, epoch, priority, schema, ownerOf: () => undefined }),
            now,
          )
        : { ...seeDeleted(replica, now), state: 'tombstoned' }
    }
    const { marketoId } = replica
    if (marketoId === undefined || replica.marketo !== undefined) return after
    const why = notRead.get(marketoId)
    if (why === 'unasked') leaving.push(after)
    else if (why !== undefined) refused.push({ replica: after, failure: { side: 'marketo', ...why } })
    if (why !== undefined) return []
    const person = known.get(marketoId)
    if (person) return seePerson(after, person, { now, schema, settings })
    moves.push({ kind: 'orphan', linkId: replica.linkId, marketoId })
    return orphaned(after, schema, now)
  })
  return { replicas: gathered, moves, leaving, refused }
}

/** Of a record that looks for a person, a row of which nothing was known before is no news. */
function seeUnread(before: Replica, after: Replica, now: number): Replica {
  return isSearching(before) && before.dynamics === undefined ? searching(after, now) : after
}

/**
 * Only a record that has changed since the person was deleted makes a new one; any other may find one who is there.
 */
function orphaned(replica: Replica, schema: SyncSchema, now: number): Replica {
  const state = replica.state === 'linked' ? 'orphaned' : replica.state
  const after: Replica = { ...searching(replica, now), state }
  return hasNews(replica, schema) ? touch(after, now) : after
}

function hasNews(replica: Replica, schema: SyncSchema): boolean {
  const { recordType, dynamics = {} } = replica
  return schema.fields[recordType].some(({ marketo: name, direction }) => {
    const agreed = halfOf('dynamics', name, replica)
    return (
      direction !== 'to-dynamics' && agreed !== undefined && name in dynamics && agreed !== dynamics[name]
    )
  })
}
