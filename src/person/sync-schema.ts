import type { TableDefinition } from '../dataverse/metadata.ts'
import type { MarketoField } from '../marketo/schema.ts'
import type { RecordType } from './person.ts'
import type { FieldSelection } from './selection.ts'

/** What the background sync knows of both live schemas while it runs. */
export interface LiveSchemas {
  selection: FieldSelection
  tables: Readonly<Record<RecordType, TableDefinition>>
  /** By REST name. */
  marketo: ReadonlyMap<string, MarketoField>
}
