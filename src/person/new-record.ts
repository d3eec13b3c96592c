import type { TableDefinition } from '../dataverse/columns.ts'
import type { Columns } from '../dataverse/records.ts'
import { toColumns } from './mapping.ts'
import { isLookup } from './pair.ts'
import type { Person, RecordType } from './person.ts'
import type { Altered, Failure, SetAside } from './problem.ts'
import type { FieldSelection } from './selection.ts'
import { isRequired, validate } from './validation.ts'

/** What Dynamics says against a column that was sent. */
export interface RefusedColumn extends Refusal {
  /** Logical name. */
  field: string
}

export interface NewRecord {
  columns: Columns
  /** Why the person cannot be created like this. */
  failures: readonly Failure[]
  /** Values that are left out since they do not fit, where the selection says `omit`. */
  omitted: readonly RefusedColumn[]
  /** The set-up's faults. */
  setAside: readonly SetAside[]
  /** Values of `columns` that are not as the person has them. */
  altered: readonly Altered[]
  /** The column to leave out of another try; undefined when none may be, or none is named. */
  omittable(refusal: Refusal): RefusedColumn | undefined
}

/** What Dynamics says against the record. */
interface Refusal {
  code: string
  field?: string
  advice: string
}

/**
 * A person as the columns of a new record. A value that does not fit is left out where its field says `omit`; its
 * column then takes an `on-create` field or the default, if there is one. `refused`: what Dynamics said to earlier
 * tries, which is left out as well.
 */
export function newRecord(
  person: Person,
  recordType: RecordType,
  selection: FieldSelection,
  table: TableDefinition,
  refused: readonly RefusedColumn[] = [],
): NewRecord {
  const without = new Set<string>()
  const omitted: RefusedColumn[] = []
  for (const one of refused) {
    omitted.push(one)
    for (const { marketo, column } of selection.fields[recordType])
      if (column === one.field) without.add(marketo)
  }
  const mayOmit = (source: string | undefined, code?: string): source is string =>
    source !== undefined && isOmittable(source, code, recordType, selection, table)
  // Each round but the last leaves a field out.
  for (;;) {
    const { columns, problems, sources } = toColumns(person, recordType, selection, table, without)
    const unfit = problems.filter((problem) => problem.severity === 'refused')
    const invalid = validate(columns, recordType, selection, table)
    const blamed = [
      ...unfit.map((failure) => ({ failure, source: failure.marketoField })),
      ...invalid.map((failure) => ({ failure, source: sources.get(failure.field) })),
    ]
    const leaving = blamed.filter(({ failure, source }) => mayOmit(source, failure.code))
    if (leaving.length === 0) {
      const setAside = problems.filter((problem) => problem.severity === 'set-aside')
      const altered = problems.filter((problem) => problem.severity === 'altered')
      const failures = blamed.map(({ failure }) => failure)
      const omittable = (refusal: Refusal) => {
        const field = refusedColumn(refusal, sources, table)
        return field !== undefined && mayOmit(sources.get(field), refusal.code)
          ? { code: refusal.code, field, advice: refusal.advice }
          : undefined
      }
      return { columns, failures, omitted, setAside, altered, omittable }
    }
    for (const { failure, source } of leaving) {
      omitted.push({ code: failure.code, field: failure.field, advice: failure.advice })
      if (source !== undefined) without.add(source)
    }
  }
}

/** The column that is named, or the only look-up where the row that it points to is missing. */
function refusedColumn(
  { code, field }: Refusal,
  sources: ReadonlyMap<string, string>,
  table: TableDefinition,
): string | undefined {
  if (field !== undefined || code !== 'lookup-not-found') return field?.toLowerCase()
  const lookups = [...sources.keys()].filter((name) => {
    const column = table.columns.get(name)
    return column !== undefined && isLookup(column)
  })
  return lookups.length === 1 ? lookups[0] : undefined
}

/** The e-mail identifies the person: without it no other system would find the record, and one would make another. */
const IDENTITY = 'email'

function isOmittable(
  source: string,
  code: string | undefined,
  recordType: RecordType,
  selection: FieldSelection,
  table: TableDefinition,
): boolean {
  const field = selection.fields[recordType].find(({ marketo }) => marketo === source)
  const column = field && table.columns.get(field.column)
  if (!field || !column || source === IDENTITY || code === 'field-required') return false
  if (isRequired(column, selection.requiredColumns)) return false
  if (code === 'value-unmapped') return field.values?.otherwise?.kind === 'omit'
  return field.onInvalid === 'omit'
}
