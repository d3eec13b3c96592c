import type { UpdateResult } from '../../dataverse/rows.ts'
import type { WriteResult } from '../../marketo/bulk-write.ts'
import { toColumnChanges } from '../../person/column-changes.ts'
import { isAboutTable } from '../../person/problem.ts'
import type { SyncSchema } from '../../person/sync-schema.ts'
import type { Replica } from '../../store/sync-port.ts'
import type { Decision } from './decide.ts'
import type { Side } from './plan.ts'

/** The key by which Marketo makes one person of a record, however often it is asked: it is never left out. */
export const RECORD_ID = 'microsoftRecordId'

const MARKETO_DRIFT: readonly string[] = ['marketo-field-unknown', 'marketo-value-invalid']

/** Whether a side refuses what the schema allows: it may no longer be the live one. */
export function isDrift(answer: UpdateResult | WriteResult | undefined): boolean {
  if (answer?.kind !== 'refused') return false
  const { code } = answer.detail
  return isAboutTable(code) || MARKETO_DRIFT.includes(code)
}

export interface LessToWrite {
  writing: { decision: Decision; replica: Replica }
}

/**
 * The write without the fields that a side refuses, which become failures; undefined when the refusal names none of
 * its fields.
 */
export function leaveOutRefused(
  { decision, replica }: { decision: Decision; replica: Replica },
  answer: UpdateResult | WriteResult | undefined,
  side: Side,
  schema: SyncSchema,
): LessToWrite | undefined {
  if (answer?.kind !== 'refused') return undefined
  const { detail } = answer
  const sent = side === 'dynamics' ? decision.toDynamics : decision.toMarketo
  const named = ('fields' in answer && answer.fields) || [detail.field]
  const fields = named.flatMap(
    (field) => refusedField({ ...detail, field }, Object.keys(sent), side, replica, schema) ?? [],
  )
  if (fields.length === 0 || fields.some(({ marketo }) => marketo === RECORD_ID)) return undefined
  const failures = [...decision.failures, ...fields.map(({ shown }) => ({ side, ...detail, field: shown }))]
  const left = new Set(fields.map(({ marketo }) => marketo))
  const rest = Object.fromEntries(Object.entries(sent).filter(([field]) => !left.has(field)))
  if (side === 'dynamics') {
    const { columns } = toColumnChanges(rest, replica.recordType, schema)
    return { writing: { decision: { ...decision, toDynamics: rest, columns, failures }, replica } }
  }
  // What was never sent is never shown by the change log.
  const remembered = replica.sent.filter(({ field, at }) => !(left.has(field) && at === replica.intent?.at))
  return {
    writing: {
      decision: { ...decision, toMarketo: rest, failures },
      replica: { ...replica, sent: remembered },
    },
  }
}

/** The sent field that the vendor names; of look-ups, whose message names the other table, the only one. */
function refusedField(
  { code, field }: { code: string; field: string | undefined },
  sent: readonly string[],
  side: Side,
  { recordType }: Replica,
  schema: SyncSchema,
): { marketo: string; shown: string } | undefined {
  const fields = schema.fields[recordType].filter(({ marketo }) => sent.includes(marketo))
  if (side === 'marketo') {
    const named = fields.find(({ marketo }) => marketo === field)
    return named && { marketo: named.marketo, shown: named.marketo }
  }
  const lookups = fields.filter(({ target }) => target !== undefined)
  const named =
    fields.find(({ column }) => column?.logicalName === field?.toLowerCase()) ??
    (code === 'lookup-not-found' && lookups.length === 1 ? lookups[0] : undefined)
  return named?.column && { marketo: named.marketo, shown: named.column.logicalName }
}
