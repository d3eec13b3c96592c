import type { Success } from './envelope.ts'
import { MarketoError, marketoError } from './errors.ts'
import type { Knobs } from './knobs.ts'

interface CrmObject {
  idField: string
  dedupeFields: readonly string[]
  fields: readonly string[]
}

const OBJECTS: Readonly<Record<string, CrmObject>> = {
  companies: {
    idField: 'id',
    dedupeFields: ['externalCompanyId'],
    fields: ['externalCompanyId', 'id', 'company'],
  },
  salespersons: {
    idField: 'id',
    dedupeFields: ['externalSalesPersonId'],
    fields: ['externalSalesPersonId', 'id', 'email'],
  },
  opportunities: {
    idField: 'marketoGUID',
    dedupeFields: ['externalOpportunityId'],
    fields: ['externalOpportunityId', 'marketoGUID'],
  },
  'opportunities/roles': {
    idField: 'marketoGUID',
    dedupeFields: ['externalOpportunityId', 'leadId', 'role'],
    fields: ['externalOpportunityId', 'leadId', 'role', 'marketoGUID'],
  },
}

/** What a native CRM sync owns. The sandbox keeps none of it: it tells only whether an integration may. */
export function readCrmObject({ nativeCrmSync }: Knobs, name: string, isDescribe: boolean): Success {
  if (nativeCrmSync) throw new MarketoError('1018', 'CRM Enabled: the action is not allowed')
  const object = OBJECTS[name]
  if (!object || !isDescribe) throw marketoError('610')
  const { idField, dedupeFields, fields } = object
  const searchableFields = [dedupeFields, [idField]]
  const described = fields.map((field) => ({
    name: field,
    displayName: field,
    dataType: field === 'id' || field === 'leadId' ? 'integer' : 'string',
    updateable: field !== idField,
  }))
  return { result: [{ name, idField, dedupeFields, searchableFields, fields: described }] }
}
