import type { Logger } from 'pino'
import type { CallContext } from '../abort.ts'
import type { Column, TableDefinition } from '../dataverse/columns.ts'
import type { Metadata } from '../dataverse/metadata.ts'
import type { Columns } from '../dataverse/records.ts'
import type { Owners } from '../dataverse/users.ts'
import { type FailureDetail, Rejected, Unauthorized } from '../errors.ts'
import { type NewRecord, newRecord, type RefusedColumn } from '../person/new-record.ts'
import type { RecordType } from '../person/person.ts'
import { isAboutTable, summaryOf } from '../person/problem.ts'
import { isHidden, securedAdvice } from '../person/secured.ts'
import type { FieldSelection } from '../person/selection.ts'
import type { Settlement, Warning } from '../store/port.ts'
import type { Payload } from './payload.ts'

export type Prepared = Ready | (Settlement & { kind: 'failed' })

interface Ready {
  kind: 'ready'
  columns: Columns
  /** Fields that are left out of `columns`, or that are sent in another form than they came. */
  warnings: readonly Warning[]
  /** What was believed of it. */
  table: TableDefinition
  /** What Dynamics refused of earlier tries. */
  refused: readonly RefusedColumn[]
  omittable: NewRecord['omittable']
}

export interface PrepareOptions {
  metadata: Pick<Metadata, 'table' | 'reread'>
  owners: Owners
  selection: FieldSelection
  log: Logger
}

interface Checked extends NewRecord {
  table: TableDefinition
  refused: readonly RefusedColumn[]
}

/** A person as the columns of a new record, or why Dynamics would refuse them. Asks Dynamics only for an owner. */
export class PrepareRecord {
  readonly #options: PrepareOptions

  constructor(options: PrepareOptions) {
    this.#options = options
  }

  /** What a table forbids that was read a while ago is looked at again: the column may have been enlarged since. */
  async prepare(payload: Payload, recordType: RecordType, call: CallContext): Promise<Prepared> {
    const { metadata } = this.#options
    await this.#checkSecurity(payload, recordType, call)
    const table = await metadata.table(recordType, call)
    const checked = this.#check(payload, table)
    const [first] = [...checked.failures, ...checked.omitted, ...checked.setAside]
    if (first === undefined) return this.#finish(checked, payload, call)
    const { code, field } = first
    const newer = await metadata.reread(table, { because: 'check', code, field }, call)
    return this.#finish(newer ? this.#check(payload, newer) : checked, payload, call)
  }

  /**
   * After Dynamics refused `sent` (JSON): what to send instead, by the table as it is now or, where that is as it was,
   * without the refused column. undefined: neither makes a difference, so the refusal stands.
   */
  async prepareAgain(
    payload: Payload,
    prepared: Prepared & { kind: 'ready' },
    sent: string,
    refusal: FailureDetail,
    call: CallContext,
  ): Promise<Prepared | undefined> {
    // An earlier attempt stored it, for the table as it was then.
    if (JSON.stringify(prepared.columns) !== sent) return prepared
    const { table, refused } = prepared
    const newer = isAboutTable(refusal.code) ? await this.#reread(table, refusal, call) : undefined
    if (newer) {
      const again = await this.#finish(this.#check(payload, newer, refused), payload, call)
      if (again.kind === 'failed' || JSON.stringify(again.columns) !== sent) return again
    }
    const column = prepared.omittable(refusal)
    if (column === undefined) return undefined
    return this.#finish(this.#check(payload, newer ?? table, [...refused, column]), payload, call)
  }

  #reread(table: TableDefinition, refusal: FailureDetail, call: CallContext) {
    const { code, field, vendorCode, vendorRequestId } = refusal
    const doubt = {
      because: 'refusal' as const,
      code,
      ...(field !== undefined && { field }),
      ...(vendorCode !== undefined && { vendorCode }),
      ...(vendorRequestId !== undefined && { vendorRequestId }),
    }
    return this.#options.metadata.reread(table, doubt, call)
  }

  #check(payload: Payload, table: TableDefinition, refused: readonly RefusedColumn[] = []): Checked {
    const made = newRecord(payload.person, table.table, this.#options.selection, table, refused)
    return { ...made, table, refused }
  }

  async #finish(checked: Checked, payload: Payload, call: CallContext): Promise<Prepared> {
    const { table, refused, columns, setAside, altered, failures, omitted, omittable } = checked
    for (const { code, field, advice } of setAside) {
      this.#options.log.warn({ event: 'field-set-aside', code, field }, advice)
    }
    const refusal = summaryOf(failures)
    if (refusal) return { kind: 'failed', ...refusal }
    const { fields } = this.#options.selection
    const selects = (name: string) => fields[table.table].some(({ marketo }) => marketo === name)
    const warnings = [
      ...[...setAside, ...altered].map(({ field, code, advice }): Warning => ({ field, code, advice })),
      ...omitted.map(({ field, code, advice }): Warning => {
        return { field, code, advice: `The record is created without this field. ${advice}` }
      }),
      ...(payload.unread ?? []).filter(({ field }) => selects(field)),
    ]
    const ready: Ready = { kind: 'ready', columns, warnings, table, refused, omittable }
    return this.#withOwner(ready, payload.assignTo, call)
  }

  /** No person's data is at fault: people stay queued until an administrator has opened the column. */
  async #checkSecurity({ person }: Payload, recordType: RecordType, call: CallContext): Promise<void> {
    const { metadata } = this.#options
    for (const type of ['lead', 'contact'] as const) {
      const closedIn = ({ columns }: TableDefinition): string | undefined => {
        // Without its e-mail a record that is there cannot be found, and a second one would be made.
        if (person.email !== undefined && isHidden(columns.get(EMAIL))) return EMAIL
        return type === recordType ? [...columns.values()].find(isClosedAndDemanded)?.logicalName : undefined
      }
      const table = await metadata.table(type, call)
      const field = closedIn(table)
      if (field === undefined) continue
      const code = 'column-secured'
      const newer = await metadata.reread(table, { because: 'check', code, field }, call)
      if (newer && closedIn(newer) === undefined) continue
      const advice = securedAdvice(field)
      throw new Unauthorized('A secured column prevents records from being created', { code, field, advice })
    }
  }

  async #withOwner(ready: Ready, assignTo: string | undefined, call: CallContext): Promise<Prepared> {
    if (assignTo === undefined) return ready
    try {
      const { kind, id } = await this.#options.owners.resolve(assignTo, call)
      return {
        ...ready,
        columns: { ...ready.columns, 'ownerid@odata.bind': `/${kind}s(${id})` },
        // A refusal that names no column may be about the owner.
        omittable: (refusal) => (refusal.field === undefined ? undefined : ready.omittable(refusal)),
      }
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
      return { kind: 'failed', ...error.detail }
    }
  }
}

const EMAIL = 'emailaddress1'

/** Dynamics refuses a record without it, and we may not set it. */
function isClosedAndDemanded({ requiredLevel, validForCreate, secured }: Column): boolean {
  return requiredLevel === 'SystemRequired' && validForCreate && secured?.create === false
}
