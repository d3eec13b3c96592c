import type { CallContext } from '../abort.ts'
import type { TableDefinition } from '../dataverse/columns.ts'
import type { Metadata } from '../dataverse/metadata.ts'
import { isVendorError, type VendorError } from '../errors.ts'
import type { MarketoField, Schema } from '../marketo/schema.ts'
import type { Direction } from '../person/fields.ts'
import { isUserLocalDay } from '../person/pair.ts'
import type { FieldSelection, SelectedField } from '../person/selection.ts'
import type { OnInvalid } from '../person/selection-file.ts'
import { type Judged, judgeField, judgeSystemField } from '../person/sync-field.ts'
import { systemFields } from '../person/system-fields.ts'
import { isRequired } from '../person/validation.ts'
import type { DynamicsValue, ValueMap } from '../person/value-map.ts'
import type { RecordType } from '../store/port.ts'
import type { SyncStore } from '../store/sync-port.ts'
import { type Blocked, NO_MARKETO } from './control.ts'

/** A side that could be asked, or why not. */
type Reach = { reached: true } | ({ reached: false } & Blocked)

/** `narrowed`: it travels, though not as selected. `unknown`: a side could not be asked. */
type FieldState = 'ok' | 'narrowed' | 'set-aside' | 'unknown'

interface SystemFieldLine {
  field: string
  state: FieldState
  code?: string
  advice?: string
  marketo?: { type: string; length?: number; updateable: boolean }
}

export interface FieldLine extends SystemFieldLine {
  column: string
  selected: Direction
  /** The direction it travels; absent while it is set aside or not known. */
  direction?: Direction
  onInvalid: OnInvalid
  values?: readonly { marketo: string; dynamics: DynamicsValue }[]
  /** `omit`, `fail` or a value. */
  otherwise?: DynamicsValue
  dynamics?: { type: string; length?: number; required: boolean; updateable: boolean }
}

export interface FieldReport {
  marketo: Reach
  dynamics: Reach
  fields: Record<RecordType, FieldLine[]>
  /** What the service itself fills in Marketo. */
  systemFields: SystemFieldLine[]
}

export interface FieldReportOptions {
  selection: FieldSelection
  metadata: Metadata
  /** Absent: Marketo is not configured. */
  schema?: Pick<Schema, 'fields'>
  /** Open failures of the set-up are here: which fields Marketo refuses, the replica that leads has found out. */
  store?: Pick<SyncStore, 'readFailures'>
}

type Asked<T> =
  | { value: T; reach: { reached: true } }
  | { value?: never; reach: Exclude<Reach, { reached: true }> }

/** The selection as both live schemas see it. Each side is asked by itself: one that is away hides only itself. */
export async function reportFields(options: FieldReportOptions, call: CallContext): Promise<FieldReport> {
  const { selection, metadata, schema, store } = options
  const refused = store && (await refusedFields(store))
  const [marketo, tables] = await Promise.all([
    schema ? ask(() => schema.fields(call, true)) : NOT_CONFIGURED,
    ask(async () => ({
      lead: await metadata.table('lead', call, { fresh: true }),
      contact: await metadata.table('contact', call, { fresh: true }),
    })),
  ])
  const live = marketo.value
  const linesOf = (recordType: RecordType) =>
    selection.fields[recordType].map((field): FieldLine => {
      const table = tables.value?.[recordType]
      const judged = live && table && judgeField(field, table, live, refused)
      return {
        field: field.marketo,
        column: field.column,
        selected: field.direction,
        onInvalid: field.onInvalid ?? 'fail',
        ...(field.values && valuesOf(field.values)),
        ...(judged && directionOf(judged, field.direction)),
        ...wordsOf(judged),
        ...(!judged?.left && cautionOf(field, table, live)),
        ...marketoSide(live?.get(field.marketo)),
        ...dynamicsSide(table, field.column, selection.requiredColumns),
      }
    })
  return {
    marketo: marketo.reach,
    dynamics: tables.reach,
    fields: { lead: linesOf('lead'), contact: linesOf('contact') },
    systemFields: systemFields
      .filter(({ required }) => required)
      .map((field) => ({
        field: field.name,
        ...wordsOf(live && judgeSystemField(field, live, refused)),
        ...marketoSide(live?.get(field.name)),
      })),
  }
}

async function refusedFields(store: Pick<SyncStore, 'readFailures'>): Promise<ReadonlySet<string>> {
  const failures = await store.readFailures({ code: 'marketo-field-unknown', limit: FAILURES_MAX })
  return new Set(failures.flatMap(({ linkId, field }) => (linkId === undefined ? (field ?? []) : [])))
}

const FAILURES_MAX = 1_000

const NOT_CONFIGURED: Asked<never> = { reach: { reached: false, ...NO_MARKETO } }

async function ask<T>(question: () => Promise<T>): Promise<Asked<T>> {
  try {
    return { value: await question(), reach: { reached: true } }
  } catch (error) {
    if (!isVendorError(error)) throw error
    return { reach: { reached: false, ...reasonOf(error) } }
  }
}

function reasonOf(error: VendorError): Blocked {
  switch (error.name) {
    case 'Unauthorized':
    case 'Rejected':
      return { code: error.detail.code, advice: error.detail.advice }
    case 'Busy':
      return {
        code: 'vendor-busy',
        advice: `It asked the service to wait: try again in ${waitOf(error.retryAfterMs)}.`,
      }
    case 'Unavailable':
    case 'Conflict':
      return { code: 'vendor-unavailable', advice: 'It gave no usable answer: try again.' }
    default:
      return error satisfies never
  }
}

function waitOf(retryAfterMs: number): string {
  return `${Math.max(1, Math.ceil(retryAfterMs / 1_000))} s`
}

function valuesOf({ words, otherwise }: ValueMap): Pick<FieldLine, 'values' | 'otherwise'> {
  const values = [...words.values()].map(({ word, value }) => ({ marketo: word, dynamics: value }))
  return {
    values,
    ...(otherwise && { otherwise: otherwise.kind === 'value' ? otherwise.value : otherwise.kind }),
  }
}

function directionOf({ field }: Judged, selected: Direction): Pick<FieldLine, 'direction'> {
  if (field) return { direction: field.direction }
  return selected === 'on-create' ? { direction: selected } : {}
}

function wordsOf(judged: Judged | undefined): Pick<SystemFieldLine, 'state' | 'code' | 'advice'> {
  if (!judged) return { state: 'unknown' }
  if (!judged.left) return { state: 'ok' }
  const { code, advice } = judged.left
  return { state: judged.field ? 'narrowed' : 'set-aside', code, advice }
}

/** A field that travels as selected, over a column whose values other users may see as another day. */
function cautionOf(
  { marketo, type, column: name }: SelectedField,
  table: TableDefinition | undefined,
  live: ReadonlyMap<string, MarketoField> | undefined,
): Pick<SystemFieldLine, 'code' | 'advice'> {
  const column = table?.columns.get(name)
  // A date-time is a moment on both sides.
  if (!column || !isUserLocalDay(column) || (live?.get(marketo)?.dataType ?? type) === 'datetime') return {}
  const advice = `Change the behavior of ${name} in Dynamics from User Local to Date Only: users west of Greenwich see the day before, and days that users east of it enter arrive in Marketo as the day before.`
  return { code: 'date-user-local', advice }
}

function marketoSide(field: MarketoField | undefined): Pick<SystemFieldLine, 'marketo'> {
  if (!field) return {}
  const { dataType: type, length, updateable } = field
  return { marketo: { type, ...(length !== undefined && { length }), updateable } }
}

function dynamicsSide(
  table: TableDefinition | undefined,
  name: string,
  requiredColumns: FieldSelection['requiredColumns'],
): Pick<FieldLine, 'dynamics'> {
  const column = table?.columns.get(name)
  if (!column) return {}
  const { type, maxLength: length, validForUpdate: updateable } = column
  return {
    dynamics: {
      type,
      ...(length !== undefined && { length }),
      required: isRequired(column, requiredColumns),
      updateable,
    },
  }
}
