import type { Column, ColumnType, TableDefinition } from '../../../src/dataverse/columns.ts'
import type { MarketoField } from '../../../src/marketo/schema.ts'
import type { Direction, MarketoType } from '../../../src/person/fields.ts'
import type { FieldSelection } from '../../../src/person/selection.ts'

export type Table = 'lead' | 'contact'
export type Side = 'marketo' | 'dynamics'
/** As Marketo holds it: a choice is its label. */
export type Value = string | number | boolean | null

export interface SimulatedField {
  marketo: string
  column: string
  type: MarketoType
  columnType: ColumnType
  direction: Extract<Direction, 'both' | 'to-dynamics' | 'to-marketo'>
  maxLength?: number
  required?: boolean
}

export const CHOICES = ['Advertisement', 'Partner', 'Seminar', 'Web', 'Word of Mouth']
/** Characters beyond which the job title no longer fits in Dynamics, though it does in Marketo. */
export const TITLE_MAX = 40

const text = (marketo: string, column: string, facts: Partial<SimulatedField> = {}): SimulatedField => ({
  marketo,
  column,
  type: 'string',
  columnType: 'String',
  direction: 'both',
  maxLength: 100,
  ...facts,
})

/** The fields that people on both sides edit: every direction, and a type of every kind that merges. */
export const FIELDS: readonly SimulatedField[] = [
  text('email', 'emailaddress1', { type: 'email' }),
  text('firstName', 'firstname'),
  text('lastName', 'lastname', { required: true }),
  text('title', 'jobtitle', { maxLength: TITLE_MAX }),
  text('phone', 'telephone1', { type: 'phone' }),
  text('notes', 'description', { type: 'text', columnType: 'Memo', maxLength: 2_000 }),
  text('origin', 'leadsourcecode', { columnType: 'Picklist' }),
  text('unsubscribed', 'donotbulkemail', { type: 'boolean', columnType: 'Boolean' }),
  text('leadScore', 'new_score', { type: 'score', columnType: 'Integer', direction: 'to-dynamics' }),
  text('tier', 'new_tier', { direction: 'to-marketo' }),
]

/** What the service fills in Marketo by itself. */
export const SYSTEM_FIELDS: readonly string[] = ['microsoftRecordId', 'microsoftType', 'microsoftIsDeleted']
export const STAMP = 'new_syncstamp'

const selected = FIELDS.map(({ marketo, column, type, direction }) => ({
  marketo,
  column,
  type,
  direction,
  inverted: false,
}))

export function selectionOf(stamped: boolean): FieldSelection {
  return {
    fields: { lead: selected, contact: selected },
    defaults: { lead: {}, contact: {} },
    stamp: stamped ? { lead: STAMP, contact: STAMP } : {},
  }
}

const plain = (logicalName: string, type: ColumnType, facts: Partial<Column> = {}): Column => ({
  logicalName,
  type,
  requiredLevel: 'None',
  validForCreate: true,
  validForUpdate: true,
  ...facts,
})

const lookup = (logicalName: string, table: string) =>
  plain(logicalName, 'Lookup', {
    targets: [{ table, navigationProperty: logicalName, entitySet: `${table}s` }],
  })

function columnOf({ column, columnType, maxLength, type, required }: SimulatedField): Column {
  const isText = columnType === 'String' || columnType === 'Memo'
  return plain(column, columnType, {
    ...(isText && maxLength !== undefined && { maxLength }),
    ...(columnType === 'String' && { format: type === 'email' ? 'Email' : 'Text' }),
    ...(columnType === 'Picklist' && {
      options: CHOICES.map((label, index) => ({ value: index + 1, label })),
    }),
    ...(columnType === 'Integer' && { min: 0, max: 1_000_000_000 }),
    ...(required && { requiredLevel: 'ApplicationRequired' }),
  })
}

export function tableOf(table: Table): TableDefinition {
  const own = table === 'lead' ? lookup('parentcontactid', 'contact') : lookup('originatingleadid', 'lead')
  const columns = [
    ...FIELDS.map(columnOf),
    plain(`${table}id`, 'Uniqueidentifier', { validForUpdate: false }),
    plain('statecode', 'State', { options: [0, 1, 2].map((value) => ({ value, label: `State ${value}` })) }),
    plain('merged', 'Boolean', { validForUpdate: false }),
    lookup('masterid', table),
    own,
    plain('new_synctomkto', 'Boolean'),
    plain(STAMP, 'String', { maxLength: 100, format: 'Text' }),
  ]
  return {
    table,
    columns: new Map(columns.map((one) => [one.logicalName, one])),
    changeTracking: true,
  }
}

export function marketoFields(): Map<string, MarketoField> {
  const field = (name: string, dataType: string): [string, MarketoField] => [
    name,
    { name, dataType, updateable: true, searchable: ['string', 'email'].includes(dataType), length: 255 },
  ]
  return new Map([
    ...FIELDS.map(({ marketo, type }) =>
      type === 'text'
        ? ([
            marketo,
            { name: marketo, dataType: type, updateable: true, searchable: false, length: 32_000 },
          ] as [string, MarketoField])
        : field(marketo, type),
    ),
    field('microsoftRecordId', 'string'),
    field('microsoftType', 'string'),
    field('microsoftIsDeleted', 'boolean'),
  ])
}

/** From Marketo's value to what the column holds. */
export function toColumn({ columnType }: SimulatedField, value: Value): Value {
  if (columnType === 'Picklist') return value === null ? null : CHOICES.indexOf(String(value)) + 1
  return value
}

export function fromColumn({ columnType }: SimulatedField, value: Value): Value {
  if (columnType === 'Picklist') return typeof value === 'number' ? (CHOICES[value - 1] ?? null) : null
  if (columnType === 'Boolean') return value === true
  return value
}

export const byMarketoName = new Map(FIELDS.map((field) => [field.marketo, field]))
export const byColumn = new Map(FIELDS.map((field) => [field.column, field]))

/** Whether Dynamics takes it; people enter what they like in Marketo. */
export function fits({ columnType, maxLength, required }: SimulatedField, value: Value): boolean {
  if (value === null) return !required
  if (columnType === 'Picklist') return CHOICES.includes(String(value))
  return typeof value !== 'string' || maxLength === undefined || value.length <= maxLength
}
