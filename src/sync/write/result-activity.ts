import type { NewActivityType } from '../../marketo/schema.ts'

/** The custom activity by which a person's activity log in Marketo tells what became of the person in Dynamics. */
export const resultActivity = {
  apiName: 'microsoftSyncResult',
  name: 'Microsoft Sync Result',
  description: 'What became of the person in Dynamics 365. Written by Sync Person to Microsoft.',
  triggerName: 'Has Microsoft Sync Result',
  filterName: 'Had Microsoft Sync Result',
  primaryAttribute: { apiName: 'outcome', name: 'Outcome', dataType: 'string' },
  attributes: [
    { apiName: 'code', name: 'Code', dataType: 'string' },
    { apiName: 'field', name: 'Field', dataType: 'string' },
    { apiName: 'advice', name: 'Advice', dataType: 'text' },
    { apiName: 'vendorMessage', name: 'Vendor Message', dataType: 'text' },
    { apiName: 'recordType', name: 'Record Type', dataType: 'string' },
    { apiName: 'recordId', name: 'Record ID', dataType: 'string' },
    { apiName: 'campaign', name: 'Campaign', dataType: 'string' },
    { apiName: 'activityId', name: 'Activity ID', dataType: 'string' },
  ],
} as const satisfies NewActivityType
