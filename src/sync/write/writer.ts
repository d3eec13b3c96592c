import type { Rows, Update, UpdateResult } from '../../dataverse/rows.ts'
import type { SyncLeads, WriteResult } from '../../marketo/bulk-write.ts'
import type { Replica } from '../../store/sync-port.ts'
import type { Decision } from '../decide/decide.ts'
import { isDrift, leaveOutRefused, RECORD_ID } from '../decide/refused.ts'
import type { PullContext } from '../intake/stream.ts'
import type { SchemaWatch } from '../schema-watch.ts'
import type { SyncSettings } from '../settings.ts'

export interface WriterOptions {
  rows: Pick<Rows, 'update'>
  syncLeads: SyncLeads
  settings: SyncSettings
  schemas: Pick<SchemaWatch, 'renewed'>
}

/** A decision whose intent is stored: it may be sent. */
export interface Writing {
  decision: Decision
  replica: Replica
}

/** undefined = nothing went to that side. */
export interface Answers {
  dynamics?: UpdateResult
  marketo?: WriteResult
}

export interface Written extends Writing {
  answers: Answers
}

/** Sends decisions in bulk. What a side refuses by name is left out, and the rest of the person is sent again. */
export class Writer {
  readonly #options: WriterOptions

  constructor(options: WriterOptions) {
    this.#options = options
  }

  async write(writing: readonly Writing[], context: PullContext): Promise<Written[]> {
    const unsent = writing.map((one): Written => ({ ...one, answers: {} }))
    const outward = await this.#send('dynamics', unsent, context)
    return this.#send('marketo', outward, context)
  }

  async #send(side: keyof Answers, all: readonly Written[], context: PullContext): Promise<Written[]> {
    const { settings } = this.#options
    const done = new Map(all.map((one) => [one.replica.linkId, one]))
    let open = all.filter((one) => sendsTo(one, side))
    for (let left = settings.refusedFieldsMax; open.length > 0; left -= 1) {
      const answers = await (side === 'dynamics'
        ? this.#toDynamics(open, context)
        : this.#toMarketo(open, context))
      const isOutdated = await this.#isOutdated(side, answers, context)
      const again: Written[] = []
      for (const [index, one] of open.entries()) {
        const given = answers[index] ?? {}
        const answer = isOutdated && isDrift(given[side]) ? { [side]: AGAIN } : given
        const less = left > 0 ? leaveOutRefused(one, answer[side], side, context.schema) : undefined
        const after = less ? { ...one, ...less.writing } : { ...one, answers: { ...one.answers, ...answer } }
        done.set(one.replica.linkId, after)
        if (less && sendsTo(after, side)) again.push(after)
      }
      open = again
    }
    return [...done.values()]
  }

  /** Whether a side refuses what the known schema allows, because that is no longer how the side is. */
  async #isOutdated(
    side: keyof Answers,
    answers: readonly Answers[],
    context: PullContext,
  ): Promise<boolean> {
    const refused = answers.map((answer) => answer[side]).find(isDrift)
    if (refused?.kind !== 'refused') return false
    const { code, field, vendorCode, vendorRequestId } = refused.detail
    const unusable = answers.flatMap(({ marketo }) => (marketo?.kind === 'refused' && marketo.fields) || [])
    const doubt = { because: 'refusal' as const, side, code, field, vendorCode, vendorRequestId, unusable }
    return (await this.#options.schemas.renewed(context.schema, doubt, context)) !== undefined
  }

  async #toDynamics(writing: readonly Writing[], context: PullContext): Promise<Answers[]> {
    const { schema } = context
    const updates = writing.map(({ decision, replica }): Update => {
      const { recordType: table, recordId: id, etag = '*' } = replica
      const stamp = schema.stamps[table]
      const stamped = stamp === undefined ? {} : { [stamp]: replica.intent?.intentId ?? null }
      return { ref: { table, id }, etag, columns: { ...decision.columns, ...stamped } }
    })
    const results = await this.#options.rows.update(updates, schema.selects, context)
    return writing.map((_, index) => ({ dynamics: results[index] ?? UNKNOWN }))
  }

  async #toMarketo(writing: readonly Writing[], context: PullContext): Promise<Answers[]> {
    const { syncLeads } = this.#options
    const known = writing.flatMap(({ decision: { toMarketo: fields }, replica: { linkId, marketoId } }) =>
      marketoId === undefined ? [] : [{ linkId, update: { marketoId, fields } }],
    )
    const fresh = writing.flatMap(
      ({ decision: { toMarketo: fields }, replica: { linkId, marketoId, recordId } }) =>
        marketoId === undefined ? [{ linkId, fields: { ...fields, [RECORD_ID]: recordId } }] : [],
    )
    const updates = known.map(({ update }) => update)
    const people = fresh.map(({ fields }) => fields)
    const updated = updates.length === 0 ? [] : await syncLeads.update(updates, context)
    const made = people.length === 0 ? [] : await syncLeads.upsert(people, RECORD_ID, context)
    const answers = new Map<number, WriteResult>()
    for (const [index, { linkId }] of known.entries()) answers.set(linkId, updated[index] ?? UNKNOWN)
    for (const [index, { linkId }] of fresh.entries()) answers.set(linkId, made[index] ?? UNKNOWN)
    return writing.map(({ replica }) => ({ marketo: answers.get(replica.linkId) ?? UNKNOWN }))
  }
}

function sendsTo({ decision }: Writing, side: keyof Answers): boolean {
  const fields = side === 'dynamics' ? decision.toDynamics : decision.toMarketo
  return Object.keys(fields).length > 0
}

const UNKNOWN = { kind: 'unknown' as const }
/** Decided on once more, with the schema as it is now. */
const AGAIN = { kind: 'unsent' as const, retryAfterMs: 0 }
