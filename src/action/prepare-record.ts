import type { Logger } from 'pino'
import type { CallContext } from '../abort.ts'
import type { Metadata } from '../dataverse/metadata.ts'
import type { Columns, Owners } from '../dataverse/records.ts'
import { Rejected } from '../errors.ts'
import { toColumns } from '../person/mapping.ts'
import type { RecordType } from '../person/person.ts'
import type { FieldSelection } from '../person/selection.ts'
import { validate } from '../person/validation.ts'
import type { Settlement, Warning } from '../store/port.ts'
import type { Payload } from './payload.ts'

/** `warnings`: fields that are left out of `columns`, or that are sent in another form than they came. */
export type Prepared =
  | { kind: 'ready'; columns: Columns; warnings: readonly Warning[] }
  | (Settlement & { kind: 'failed' })

export interface PrepareOptions {
  metadata: Metadata
  owners: Owners
  selection: FieldSelection
  log: Logger
}

/** A person as the columns of a new record, or why Dynamics would refuse them. Asks Dynamics only for an owner. */
export class PrepareRecord {
  readonly #options: PrepareOptions

  constructor(options: PrepareOptions) {
    this.#options = options
  }

  async prepare(payload: Payload, recordType: RecordType, call: CallContext): Promise<Prepared> {
    const { metadata, selection, log } = this.#options
    const table = await metadata.table(recordType, call)
    const { columns, problems } = toColumns(payload.person, recordType, selection, table)
    for (const problem of problems) {
      if (problem.severity === 'set-aside') {
        log.warn({ event: 'field-set-aside', code: problem.code, field: problem.field }, problem.advice)
      }
    }
    const refused = problems.filter((problem) => problem.severity === 'refused')
    const failures = [...refused, ...validate(columns, recordType, selection, table)]
    const [first] = failures
    if (first) {
      const others = failures.length - 1
      const advice =
        others === 0 ? first.advice : `${first.advice} ${others} more: ${namesOf(failures.slice(1))}.`
      return { kind: 'failed', code: first.code, field: first.field, advice }
    }
    return this.#withOwner({ kind: 'ready', columns, warnings: [] }, payload.assignTo, call)
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

function namesOf(failures: readonly { code: string; field: string }[]): string {
  const namedMax = 3
  const named = failures.slice(0, namedMax).map(({ code, field }) => `${field} (${code})`)
  return failures.length > namedMax ? `${named.join(', ')}, …` : named.join(', ')
}
