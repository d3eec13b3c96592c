import type { Column } from '../../src/dataverse/columns.ts'
import type { MarketoField } from '../../src/marketo/schema.ts'
import type { MarketoType } from '../../src/person/fields.ts'
import type { FieldSelection, SelectedField } from '../../src/person/selection.ts'
import { type LiveSchemas, type SyncSchema, toSyncSchema } from '../../src/person/sync-schema.ts'
import { systemFields } from '../../src/person/system-fields.ts'
import { stockTables, tableOf } from './stock-tables.ts'

export function marketoField(
  name: string,
  dataType: string,
  facts: Partial<MarketoField> = {},
): MarketoField {
  return { name, dataType, updateable: true, searchable: dataType === 'string', ...facts }
}

/** A Marketo that has every selected field as it was selected, and the system fields. */
export function marketoOf({ fields }: FieldSelection): Map<string, MarketoField> {
  const selected = [...fields.lead, ...fields.contact].map(({ marketo, type }) => marketoField(marketo, type))
  const system = systemFields.map(({ name, dataType }) => marketoField(name, dataType))
  return new Map([...system, ...selected].map((one) => [one.name, one]))
}

export function schemaOf(selection: FieldSelection, live: Partial<LiveSchemas> = {}): SyncSchema {
  return toSyncSchema({ selection, tables: stockTables, marketo: marketoOf(selection), ...live })
}

export function selectionOf(
  lead: readonly SelectedField[],
  contact: readonly SelectedField[] = [],
): FieldSelection {
  return { fields: { lead, contact }, defaults: { lead: {}, contact: {} }, stamp: {} }
}

/** One field `m` over one column of a lead. */
export function pairOf(
  type: MarketoType,
  column: Column,
  facts: Partial<SelectedField> = {},
): { schema: SyncSchema; field: SelectedField } {
  const field: SelectedField = {
    marketo: 'm',
    type,
    column: column.logicalName,
    direction: 'both',
    inverted: false,
    ...facts,
  }
  const tables = { lead: tableOf('lead', [column]), contact: stockTables.contact }
  return { schema: schemaOf(selectionOf([field]), { tables }), field }
}
