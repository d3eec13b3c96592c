import type { Column, TableDefinition } from '../dataverse/columns.ts'
import type { MarketoField } from '../marketo/schema.ts'
import type { Direction } from './fields.ts'
import { isLookup, isReversible, typesFor } from './pair.ts'
import type { RecordType } from './person.ts'
import type { LeftOut } from './problem.ts'
import { lifeColumns, unreadableLife } from './secured.ts'
import type { FieldSelection, RequiredColumns } from './selection.ts'
import { judgeField, judgeStamp, judgeSystemField, type SyncField } from './sync-field.ts'
import { systemFields } from './system-fields.ts'
import { isMappable, rivalWords, unfitValues, type ValueMap } from './value-map.ts'

/** What the background sync knows of both live schemas while it runs. */
export interface LiveSchemas {
  selection: FieldSelection
  tables: Readonly<Record<RecordType, TableDefinition>>
  /** By REST name. */
  marketo: ReadonlyMap<string, MarketoField>
  /** Fields that Marketo describes, and refuses in every call that names them. */
  refused?: ReadonlySet<string>
}

export interface SyncSchema {
  /** What travels, as both live schemas allow; the system fields that Marketo has are among them. */
  fields: Readonly<Record<RecordType, readonly SyncField[]>>
  /** What travelled if we might read its columns. Of these, the change log still tells what our writes have replaced. */
  aside: Readonly<Record<RecordType, readonly SyncField[]>>
  /** What cannot travel as it was selected. One entry for each side, code and field. */
  drift: readonly LeftOut[]
  /** Required system fields that Marketo lacks or does not let us fill: without them the sync does not run. */
  missing: readonly string[]
  /** Secured columns that tell who a record is and that our user may not read: without them the sync does not run. */
  hidden: readonly string[]
  /** Columns that rows are read with, sorted: a change of them is a change of the stream. */
  selects: Readonly<Record<RecordType, readonly string[]>>
  /** Columns that take the id of the intent of a write. */
  stamps: Readonly<Partial<Record<RecordType, string>>>
  /** Marketo REST names to follow in the change log, sorted: what only goes to Marketo is nobody's to edit there. */
  feedFields: readonly string[]
  /** Marketo REST names to read a person with, sorted. */
  readFields: readonly string[]
  /** Which columns may not be emptied. Absent: those that a form asks for, too. */
  requiredColumns?: RequiredColumns
  /** A score travels to Dynamics: its flow step is not in the change log of values. */
  hasScore: boolean
}

const recordTypes = ['lead', 'contact'] as const

/** The selection as it can be lived by with the tables and fields that are there now. */
export function toSyncSchema(live: LiveSchemas): SyncSchema {
  const drift = new Map<string, LeftOut & { of: Set<RecordType> }>()
  const note = (recordType: RecordType, left: LeftOut | undefined) => {
    if (left === undefined) return
    const key = `${left.side} ${left.code} ${left.field}`
    const noted = drift.get(key) ?? { ...left, of: new Set<RecordType>() }
    noted.of.add(recordType)
    drift.set(key, noted)
  }
  const stamps: Partial<Record<RecordType, string>> = {}
  const fieldsOf = (recordType: RecordType) => {
    const table = live.tables[recordType]
    const stamp = judgeStamp(live.selection.stamp[recordType], table)
    note(recordType, stamp.left)
    if (stamp.column !== undefined) stamps[recordType] = stamp.column
    const selected = live.selection.fields[recordType].map((one) =>
      judgeField(one, table, live.marketo, live.refused),
    )
    const system = systemFields.filter(({ required }) => required)
    const all = [...selected, ...system.map((one) => judgeSystemField(one, live.marketo, live.refused))]
    for (const { left } of all) note(recordType, left)
    return {
      fields: all.flatMap(({ field }) => field ?? []),
      aside: selected.flatMap(({ aside }) => aside ?? []),
    }
  }
  const [lead, contact] = [fieldsOf('lead'), fieldsOf('contact')]
  const fields = { lead: lead.fields, contact: contact.fields }
  const aside = { lead: lead.aside, contact: contact.aside }
  const usable = new Set(fields.lead.map(({ marketo }) => marketo))
  const both = [...fields.lead, ...fields.contact]
  const isFed = ({ direction, marketo }: SyncField) => direction !== 'to-marketo' && marketo !== 'id'
  const feed = both.filter(isFed)
  const followed = [...feed, ...lead.aside.filter(isFed), ...contact.aside.filter(isFed)]
  return {
    fields,
    aside,
    drift: [...drift.values()].map(({ of, ...left }) => ({ ...left, advice: adviceFor(of, left.advice) })),
    missing: systemFields.filter((one) => one.required && !usable.has(one.name)).map(({ name }) => name),
    hidden: recordTypes.flatMap((one) => unreadableLife(live.tables[one])),
    selects: {
      lead: selectsOf('lead', fields, stamps, live),
      contact: selectsOf('contact', fields, stamps, live),
    },
    stamps,
    feedFields: sorted(followed.map(({ marketo }) => marketo)),
    readFields: sorted(both.map(({ marketo }) => marketo)),
    ...(live.selection.requiredColumns && { requiredColumns: live.selection.requiredColumns }),
    hasScore: feed.some(({ isScore }) => isScore),
  }
}

/** Sentences for a start that is refused: fields that are `both` over a pair of types that loses something. */
export function mappingProblems(selection: FieldSelection, tables: LiveSchemas['tables']): string[] {
  return recordTypes.flatMap((recordType) =>
    selection.fields[recordType].flatMap(({ marketo, type, column: name, direction, values }) => {
      const column = tables[recordType].columns.get(name)
      if (column === undefined) return []
      const flaws = values === undefined ? [] : mapProblems(values, column, direction)
      if (flaws.length > 0) return flaws.map((flaw) => `${marketo} on a ${recordType}, "values": ${flaw}.`)
      if (direction !== 'both' || isReversible(type, column, values)) return []
      const types = typesFor(column)
      const remedy =
        types.length === 0
          ? 'make it to-marketo, or exclude it'
          : `select it as ${types.join(' or ')}, or make it to-dynamics or to-marketo`
      return [
        `${marketo} on a ${recordType}: ${name} (${column.type}) does not give a Marketo ${type} back as it was; ${remedy}.`,
      ]
    }),
  )
}

function mapProblems(values: ValueMap, column: Column, direction: Direction): string[] {
  if (!isMappable(column)) {
    return [`${column.logicalName} (${column.type}) has no values that words could stand for`]
  }
  const goesBack = direction === 'both' || direction === 'to-marketo'
  const rivals = goesBack ? rivalWords(values, column) : undefined
  if (rivals === undefined) return unfitValues(values, column)
  const [one, other] = rivals.map((word) => JSON.stringify(word))
  return [`${one} and ${other} stand for the same value, so the field can only be to-dynamics`]
}

function selectsOf(
  recordType: RecordType,
  fields: SyncSchema['fields'],
  stamps: SyncSchema['stamps'],
  { tables }: LiveSchemas,
): string[] {
  const mapped = fields[recordType].flatMap(({ column }) => column?.logicalName ?? [])
  return sorted(
    [...mapped, ...lifeColumns[recordType], stamps[recordType] ?? []].flat().flatMap((name) => {
      const column = tables[recordType].columns.get(name)
      if (column === undefined) return []
      return isLookup(column) || column.type === 'Owner' ? `_${name}_value` : name
    }),
  )
}

function adviceFor(recordTypes: ReadonlySet<RecordType>, advice: string): string {
  return `For ${[...recordTypes].map((one) => `${one}s`).join(' and ')}: ${advice}`
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort()
}
