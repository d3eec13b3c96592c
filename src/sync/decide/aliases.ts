import type { Clock } from '../../clock.ts'
import type { RefusedRows, Rows, SeenRow } from '../../dataverse/rows.ts'
import type { FailureDetail } from '../../errors.ts'
import type { PersonUpdate, SyncLeads } from '../../marketo/bulk-write.ts'
import type { MarketoFields, People, RefusedReads } from '../../marketo/people.ts'
import type { SyncSchema } from '../../person/sync-schema.ts'
import { dynamicsValues, recordLife } from '../../person/sync-values.ts'
import type {
  Alias,
  AliasChange,
  LinkMove,
  NewFailure,
  Other,
  Replica,
  SyncStore,
  Values,
} from '../../store/sync-port.ts'
import { chunks, saveComputed } from '../intake/pages.ts'
import { returned } from '../intake/see-rows.ts'
import type { PullContext } from '../intake/stream.ts'
import type { SyncSettings } from '../settings.ts'
import { searching } from './replica.ts'

/**
 * Those who share a link with its own person and record. Their edits travel nowhere, so they are an open failure for
 * as long as they are there.
 */

export interface AliasesOptions {
  store: SyncStore
  people: Pick<People, 'read'>
  rows: Pick<Rows, 'readRows'>
  syncLeads: Pick<SyncLeads, 'update'>
  clock: Clock
  settings: SyncSettings
}

type SharedPerson = Alias & { other: Other & { kind: 'marketo' } }
type FormerRecord = Alias & { other: Other & { kind: 'record' } }

const FLAGS = ['microsoftRecordId', 'microsoftIsDeleted']
const QUALIFIED = 1

export class Aliases {
  readonly #options: AliasesOptions

  constructor(options: AliasesOptions) {
    this.#options = options
  }

  /** Looks at those that are due, in bulk. Throws the vendors' errors of its reads: they stay due. */
  async look(context: PullContext): Promise<void> {
    const { store, clock, settings } = this.#options
    const due = await store.dueAliases(settings.workMax, clock.now())
    if (due.length === 0) return
    await this.#lookAtPeople(due.filter(isPerson), context)
    await this.#lookAtRecords(due.filter(isRecord), context)
  }

  async #lookAtPeople(due: readonly SharedPerson[], context: PullContext): Promise<void> {
    if (due.length === 0) return
    const { store, people, clock, settings } = this.#options
    const ids = due.flatMap(({ other, link }) => [other.marketoId, link.marketoId ?? other.marketoId])
    // Who cannot be read is taken to be there.
    const refused: RefusedReads<number> = new Map()
    const found = await people.read(ids, FLAGS, context, refused)
    const present = new Map([...found, ...[...refused.keys()].map((id): [number, MarketoFields] => [id, {}])])
    const staying = due.filter(({ other }) => present.has(other.marketoId))
    const unanswered = await this.#flag(staying, present, context)
    for (const part of chunks(due, settings.saveMax)) {
      await saveComputed(store, async () => {
        const now = clock.now()
        const moves = part.flatMap((alias) => departuresOf(alias, present))
        const bereft = moves.flatMap(({ linkId, marketoId }) =>
          part.some(({ link }) => link.linkId === linkId && link.marketoId === marketoId) ? [linkId] : [],
        )
        const replicas = await store.findReplicas({ linkIds: bereft })
        const aliases = part
          .filter(({ other }) => present.has(other.marketoId))
          .map(({ other, link }) => {
            // What may still be carried out is not sent a second time before that.
            const waitMs = unanswered.has(other.marketoId) ? settings.settleMs : settings.aliasMs
            return { other, dueAt: now + waitMs, failure: personShared(other.marketoId, link) }
          })
        return { now, moves, replicas: replicas.map((one) => searching(one, now)), aliases }
      })
    }
  }

  /**
   * A person whose own record was merged into another reads as one whose record is gone. Set again and again until
   * Marketo shows it. Gives the people of whom it is not known whether they are flagged.
   */
  async #flag(
    staying: readonly SharedPerson[],
    present: ReadonlyMap<number, MarketoFields>,
    context: PullContext,
  ): Promise<ReadonlySet<number>> {
    const updates = staying.flatMap(({ other: { marketoId }, link }): PersonUpdate[] => {
      const { microsoftRecordId, microsoftIsDeleted } = present.get(marketoId) ?? {}
      const named = typeof microsoftRecordId === 'string' ? microsoftRecordId.trim().toLowerCase() : ''
      if (named === '' || named === link.recordId || microsoftIsDeleted === true) return []
      return [{ marketoId, fields: { microsoftIsDeleted: true } }]
    })
    if (updates.length === 0) return new Set()
    const results = await this.#options.syncLeads.update(updates, context)
    return new Set(
      updates.flatMap(({ marketoId }, at) => {
        const kind = results[at]?.kind
        return kind === 'unsent' || kind === 'unknown' ? [marketoId] : []
      }),
    )
  }

  async #lookAtRecords(due: readonly FormerRecord[], context: PullContext): Promise<void> {
    if (due.length === 0) return
    const { store, rows, clock, settings } = this.#options
    const refs = due.map(({ other }) => ({ table: other.recordType, id: other.recordId }))
    const refused: RefusedRows = new Map()
    const found = await rows.readRows(refs, context.schema.selects, context, refused)
    for (const part of chunks(due, settings.saveMax)) {
      await saveComputed(store, async () => {
        const now = clock.now()
        const linkIds = part.map(({ link }) => link.linkId)
        const { schema } = context
        const second = await SecondRecords.of(linkIds, store, { schema, now, aliasMs: settings.aliasMs })
        for (const alias of part) {
          const key = `${alias.other.recordType}:${alias.other.recordId}`
          const why = refused.get(key)
          if (why) second.leave(alias, why)
          else second.look(alias, found.get(key))
        }
        const { replicas, moves, aliases } = second
        return { now, replicas, moves, aliases }
      })
    }
  }
}

interface SecondRecordsOptions {
  schema: SyncSchema
  now: number
  aliasMs: number
}

/**
 * Second records of links, as they come up. A link whose own record is gone, or was never made, passes to the first
 * one that is open, so that its person is not without a record while they have one; any other is looked at. While a
 * flow action works on the link it decides which record that is.
 */
export class SecondRecords {
  readonly replicas: Replica[] = []
  readonly moves: LinkMove[] = []
  readonly aliases: AliasChange[] = []
  readonly #homes: Map<number, Replica>
  readonly #underWay: ReadonlySet<number>
  readonly #settled: Set<number>
  readonly #options: SecondRecordsOptions

  private constructor(homes: readonly Replica[], underWay: readonly number[], options: SecondRecordsOptions) {
    this.#homes = new Map(homes.map((home) => [home.linkId, home]))
    this.#underWay = new Set(underWay)
    this.#settled = new Set(underWay)
    this.#options = options
  }

  /** With these links as they are now. */
  static async of(
    linkIds: readonly number[],
    store: Pick<SyncStore, 'findReplicas' | 'claimsUnderWay'>,
    options: SecondRecordsOptions,
  ): Promise<SecondRecords> {
    const homes = linkIds.length === 0 ? [] : await store.findReplicas({ linkIds })
    const claimed = homes.flatMap(({ state, linkId }) => (state === 'claimed' ? [linkId] : []))
    const underWay = claimed.length === 0 ? [] : await store.claimsUnderWay(claimed)
    return new SecondRecords(homes, underWay, options)
  }

  /** Its own record is there: the link has that one, whatever else is. */
  keep(home: Replica | undefined): void {
    if (home) this.#settled.add(home.linkId)
  }

  /** What cannot be read is taken to be there. */
  leave({ other, link }: FormerRecord, why: FailureDetail): void {
    const { now, aliasMs } = this.#options
    this.aliases.push({ other, dueAt: now + aliasMs, failure: { ...why, ...recordShared(other, link) } })
  }

  /** `row` absent: it is gone. */
  look(alias: Alias, row: SeenRow | undefined): void {
    const { other, link } = alias
    if (other.kind !== 'record' || row === undefined) {
      this.aliases.push({ other })
      return
    }
    const { schema, now, aliasMs } = this.#options
    const home = this.#homes.get(link.linkId)
    const isSettled = home === undefined || this.#settled.has(link.linkId)
    const after = isSettled ? undefined : returned(home, row, other.recordType, { schema, now })
    if (after) {
      this.#settled.add(link.linkId)
      this.#homes.set(link.linkId, after.replica)
      this.replicas.push(after.replica)
      this.moves.push(after.move)
      return
    }
    const { recordType, recordId, state } = home ?? link
    const current = { ...alias, link: { ...link, recordType, recordId, state } }
    const dueAt = this.#underWay.has(link.linkId) ? now : now + aliasMs
    this.aliases.push(lookAtRecord(current, row, { home, schema, dueAt }))
  }
}

interface RecordLook {
  /** The link that the record belonged to, with the record that it has now. */
  home: Pick<Replica, 'dynamics'> | undefined
  schema: SyncSchema
  /** Epoch ms of the next look while there is something to be seen. */
  dueAt: number
}

/**
 * Pure. A record that was merged or qualified into another one has done its part, unless somebody edits it still: what
 * the link's own record says as well is not lost. Any other record that is there, such as one that came back from the
 * recycle bin or whose person was merged away, is a second record of one person.
 */
function lookAtRecord(alias: Alias, row: SeenRow, { home, schema, dueAt }: RecordLook): AliasChange {
  const { other, link, seen } = alias
  if (other.kind !== 'record') return { other }
  const { merged, stateCode, stopped } = recordLife(row.columns, other.recordType)
  if (stopped) return { other }
  const isClosed = merged || (other.recordType === 'lead' && stateCode === QUALIFIED)
  const values = valuesOf(row, other, schema)
  const isNews = (field: string) =>
    seen !== undefined &&
    field in seen &&
    values[field] !== seen[field] &&
    values[field] !== home?.dynamics?.[field]
  if (isClosed && !Object.keys(values).some(isNews)) return { other, seen: seen ?? values }
  return { other, dueAt, failure: recordShared(other, link) }
}

/** What would travel to Marketo, if the record were its link's own. */
export function valuesOf(
  row: SeenRow,
  ref: { recordType: Replica['recordType']; recordId: string },
  schema: SyncSchema,
): Values {
  const values = dynamicsValues(row.columns, ref, schema)
  const travelling = schema.fields[ref.recordType].filter(
    ({ direction, column }) => direction !== 'to-dynamics' && column !== undefined,
  )
  return Object.fromEntries(
    travelling.flatMap(({ marketo }) => {
      const value = values[marketo]
      return value === undefined ? [] : [[marketo, value]]
    }),
  )
}

/** Which of the two people, the alias and the link's own, Marketo does not have any more. */
function departuresOf(
  { other: { marketoId }, link }: SharedPerson,
  present: ReadonlyMap<number, unknown>,
): (LinkMove & { kind: 'orphan' })[] {
  const gone = [marketoId, link.marketoId].filter((id) => id !== undefined && !present.has(id))
  return gone.flatMap((id) =>
    id === undefined ? [] : [{ kind: 'orphan', linkId: link.linkId, marketoId: id }],
  )
}

function personShared(
  marketoId: number,
  { marketoId: own, recordType, recordId }: Alias['link'],
): NewFailure {
  return {
    side: 'marketo',
    code: 'person-shared',
    advice: `Person ${marketoId} in Marketo shares the ${recordType} ${recordId} with person ${own}, whose values are synced; edits of ${marketoId} do not. Merge the two people in Marketo, or delete one of them.`,
  }
}

function recordShared(
  { recordType, recordId }: Other & { kind: 'record' },
  { marketoId, ...own }: Alias['link'],
): NewFailure {
  const person = marketoId === undefined ? 'One person' : `Person ${marketoId}`
  const advice =
    own.state === 'claimed'
      ? `The ${recordType} ${recordId} is back while a request creates another record for its person: edits of it are not synced until the request has ended. If this failure stays open, find out why the request does not end.`
      : `${person} in Marketo has two records: edits of the ${recordType} ${recordId} do not travel, those of the ${own.recordType} ${own.recordId} do. Merge the two in Dynamics, or delete the first one; edit only the second one.`
  return { side: 'dynamics', code: 'record-shared', advice }
}

function isPerson(alias: Alias): alias is SharedPerson {
  return alias.other.kind === 'marketo'
}

function isRecord(alias: Alias): alias is FormerRecord {
  return alias.other.kind === 'record'
}
