import type { NewField } from '../marketo/schema.ts'

export interface SystemField extends NewField {
  /** Without it the background sync does not run. */
  required: boolean
  /** People are looked up by it. */
  searched: boolean
}

/**
 * What Marketo holds about the record in Dynamics: custom fields that `npm run setup` makes. The first three are
 * filled by the service itself, the creation date by the field selection.
 */
export const systemFields = [
  {
    name: 'microsoftRecordId',
    displayName: 'Microsoft Record Id',
    dataType: 'string',
    description: 'The id of the lead or contact in Dynamics 365. Filled by Sync Person to Microsoft.',
    required: true,
    searched: true,
  },
  {
    name: 'microsoftType',
    displayName: 'Microsoft Type',
    dataType: 'string',
    description:
      'Lead or Contact; empty while the person is in Marketo only. Filled by Sync Person to Microsoft.',
    required: true,
    searched: false,
  },
  {
    name: 'microsoftIsDeleted',
    displayName: 'Microsoft Is Deleted',
    dataType: 'boolean',
    description: 'The record was deleted in Dynamics 365. Filled by Sync Person to Microsoft.',
    required: true,
    searched: false,
  },
  {
    name: 'microsoftCreatedDate',
    displayName: 'Microsoft Created Date',
    dataType: 'datetime',
    description: 'When the record was created in Dynamics 365. Filled by Sync Person to Microsoft.',
    required: false,
    searched: false,
  },
] as const satisfies readonly SystemField[]

/** REST names that no field of a selection may take. */
export const reservedNames: ReadonlySet<string> = new Set(
  systemFields.filter(({ required }) => required).map(({ name }) => name),
)
