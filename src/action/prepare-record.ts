import type { Logger } from 'pino'
import type { CallContext } from '../abort.ts'
import type { Column, Metadata, TableDefinition } from '../dataverse/metadata.ts'
import type { Columns, Owners } from '../dataverse/records.ts'
import { type FailureDetail, Rejected, Unauthorized } from '../errors.ts'
import { toColumns } from '../person/mapping.ts'
import type { RecordType } from '../person/person.ts'
import type { Failure, Problem } from '../person/problem.ts'
import { isHidden, securedAdvice } from '../person/secured.ts'
import type { FieldSelection } from '../person/selection.ts'
import { validate } from '../person/validation.ts'
import type { Settlement, Warning } from '../store/port.ts'
import type { Payload } from './payload.ts'

/**
 * `warnings`: fields that are left out of `columns`, or that are sent in another form than they came. `table` is
 * what was believed of it.
 */
export type Prepared =
  | { kind: 'ready'; columns: Columns; warnings: readonly Warning[]; table: TableDefinition }
  | (Settlement & { kind: 'failed' })

export interface PrepareOptions {
  metadata: Pick<Metadata, 'table' | 'reread'>
  owners: Owners
  selection: FieldSelection
  log: Logger
}

interface Checked {
  table: TableDefinition
  columns: Columns
  setAside: readonly Problem[]
  failures: readonly Failure[]
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
    const [first] = [...checked.failures, ...checked.setAside]
    if (first === undefined) return this.#finish(checked, payload, call)
    const { code, field } = first
    const newer = await metadata.reread(table, { because: 'check', code, field }, call)
    return this.#finish(newer ? this.#check(payload, newer) : checked, payload, call)
  }

  /** After Dynamics refused `sent` (JSON): what to send instead. undefined: the table is as it was, so it stands. */
  async prepareAgain(
    payload: Payload,
    prepared: Prepared & { kind: 'ready' },
    sent: string,
    refusal: FailureDetail,
    call: CallContext,
  ): Promise<Prepared | undefined> {
    // An earlier attempt stored it, for the table as it was then.
    if (JSON.stringify(prepared.columns) !== sent) return prepared
    const { code, field, vendorCode, vendorRequestId } = refusal
    const doubt = {
      because: 'refusal' as const,
      code,
      ...(field !== undefined && { field }),
      ...(vendorCode !== undefined && { vendorCode }),
      ...(vendorRequestId !== undefined && { vendorRequestId }),
    }
    const newer = await this.#options.metadata.reread(prepared.table, doubt, call)
    if (newer === undefined) return undefined
    const again = await this.#finish(this.#check(payload, newer), payload, call)
    return again.kind === 'ready' && JSON.stringify(again.columns) === sent ? undefined : again
  }

  #check(payload: Payload, table: TableDefinition): Checked {
    const { selection } = this.#options
    const recordType = table.table
    const { columns, problems } = toColumns(payload.person, recordType, selection, table)
    return {
      table,
      columns,
      setAside: problems.filter((problem) => problem.severity === 'set-aside'),
      failures: [
        ...problems.filter((problem) => problem.severity === 'refused'),
        ...validate(columns, recordType, selection, table),
      ],
    }
  }

  async #finish({ table, columns, setAside, failures }: Checked, payload: Payload, call: CallContext) {
    const { log } = this.#options
    for (const { code, field, advice } of setAside)
      log.warn({ event: 'field-set-aside', code, field }, advice)
    const [first, ...others] = failures
    if (first) {
      const advice =
        others.length === 0 ? first.advice : `${first.advice} ${others.length} more: ${namesOf(others)}.`
      return { kind: 'failed' as const, code: first.code, field: first.field, advice }
    }
    const warnings = setAside.map(({ field, code, advice }): Warning => ({ field, code, advice }))
    return this.#withOwner({ kind: 'ready', columns, warnings, table }, payload.assignTo, call)
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
      throw new Unauthorized('A secured column keeps records from being made', { code, field, advice })
    }
  }

  async #withOwner(
    ready: Prepared & { kind: 'ready' },
    assignTo: string | undefined,
    call: CallContext,
  ): Promise<Prepared> {
    if (assignTo === undefined) return ready
    try {
      const { kind, id } = await this.#options.owners.resolve(assignTo, call)
      return { ...ready, columns: { ...ready.columns, 'ownerid@odata.bind': `/${kind}s(${id})` } }
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

function namesOf(failures: readonly { code: string; field: string }[]): string {
  const namedMax = 3
  const named = failures.slice(0, namedMax).map(({ code, field }) => `${field} (${code})`)
  return failures.length > namedMax ? `${named.join(', ')}, …` : named.join(', ')
}
