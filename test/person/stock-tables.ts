import type { Column, ColumnType, TableDefinition } from '../../src/dataverse/columns.ts'
import type { RecordType } from '../../src/person/person.ts'

type Facts = Partial<Omit<Column, 'logicalName' | 'type'>>

export function column(logicalName: string, type: ColumnType, facts: Facts = {}): Column {
  return { logicalName, type, requiredLevel: 'None', validForCreate: true, validForUpdate: true, ...facts }
}

export function tableOf(table: RecordType, columns: readonly Column[]): TableDefinition {
  return { table, columns: new Map(columns.map((one) => [one.logicalName, one])) }
}

const text = (name: string, maxLength: number, facts: Facts = {}) =>
  column(name, 'String', { maxLength, format: 'Text', ...facts })
const choice = (name: string, labels: readonly string[], facts: Facts = {}) =>
  column(name, 'Picklist', { options: labels.map((label, index) => ({ value: index + 1, label })), ...facts })
const flag = (name: string, facts: Facts = {}) =>
  column(name, 'Boolean', {
    options: [
      { value: 0, label: 'Allow' },
      { value: 1, label: 'Do Not Allow' },
    ],
    ...facts,
  })
const readOnly: Facts = { validForCreate: false, validForUpdate: false }

const shared: readonly Column[] = [
  text('salutation', 100),
  text('firstname', 50, { requiredLevel: 'Recommended' }),
  text('middlename', 50),
  text('lastname', 50, { requiredLevel: 'ApplicationRequired' }),
  text('fullname', 160, { ...readOnly, requiredLevel: 'ApplicationRequired' }),
  text('emailaddress1', 100, { format: 'Email' }),
  text('jobtitle', 100),
  text('telephone1', 50, { format: 'Phone' }),
  text('telephone2', 50, { format: 'Phone' }),
  text('fax', 50),
  text('websiteurl', 200, { format: 'Url' }),
  text('address1_line1', 250),
  text('address1_line2', 250),
  text('address1_line3', 250),
  text('address1_city', 80),
  text('address1_stateorprovince', 50),
  text('address1_country', 80),
  text('address1_postalcode', 20),
  column('description', 'Memo', { maxLength: 2000, format: 'TextArea' }),
  flag('donotphone'),
  flag('donotbulkemail', { requiredLevel: 'SystemRequired' }),
  flag('donotemail'),
  flag('donotfax'),
  flag('donotsendmm'),
  choice('preferredcontactmethodcode', ['Any', 'Email', 'Phone', 'Fax', 'Mail']),
  column('createdon', 'DateTime', { ...readOnly, format: 'DateOnly', behavior: 'UserLocal' }),
  column('modifiedon', 'DateTime', { ...readOnly, requiredLevel: 'SystemRequired' }),
  column('ownerid', 'Owner', {
    requiredLevel: 'SystemRequired',
    targets: [
      { table: 'systemuser', navigationProperty: 'ownerid', entitySet: 'systemusers' },
      { table: 'team', navigationProperty: 'ownerid', entitySet: 'teams' },
    ],
  }),
  column('versionnumber', 'BigInt', readOnly),
]

const lead: readonly Column[] = [
  column('leadid', 'Uniqueidentifier', { requiredLevel: 'SystemRequired' }),
  text('subject', 300, { requiredLevel: 'ApplicationRequired' }),
  text('companyname', 100, { requiredLevel: 'Recommended' }),
  text('mobilephone', 20, { format: 'Phone' }),
  choice('leadsourcecode', ['Advertisement', 'Employee Referral', 'External Referral', 'Partner', 'Web']),
  choice('leadqualitycode', ['Hot', 'Warm', 'Cold'], { requiredLevel: 'SystemRequired', hasDefault: true }),
  column('revenue', 'Money', { min: 0, max: 100_000_000_000_000 }),
  column('numberofemployees', 'Integer', { min: 0, max: 1_000_000 }),
  column('address1_latitude', 'Double', { min: -90, max: 90 }),
  column('estimatedclosedate', 'DateTime', { format: 'DateOnly', behavior: 'DateOnly' }),
  column('schedulefollowup_prospect', 'DateTime', { format: 'DateOnly', behavior: 'UserLocal' }),
  column('lastonholdtime', 'DateTime', { format: 'DateAndTime', behavior: 'UserLocal' }),
  column('parentcontactid', 'Lookup', {
    targets: [{ table: 'contact', navigationProperty: 'parentcontactid', entitySet: 'contacts' }],
  }),
  column('customerid', 'Customer', {
    targets: [
      { table: 'account', navigationProperty: 'customerid_account', entitySet: 'accounts' },
      { table: 'contact', navigationProperty: 'customerid_contact', entitySet: 'contacts' },
    ],
  }),
  column('entityimage', 'Other'),
  column('statecode', 'State', {
    requiredLevel: 'SystemRequired',
    options: [
      { value: 0, label: 'Open' },
      { value: 1, label: 'Qualified' },
      { value: 2, label: 'Disqualified' },
    ],
  }),
  column('statuscode', 'Status', {
    requiredLevel: 'SystemRequired',
    options: [
      { value: 1, label: 'New', state: 0 },
      { value: 2, label: 'Contacted', state: 0 },
      { value: 3, label: 'Qualified', state: 1 },
      { value: 4, label: 'Lost', state: 2 },
    ],
  }),
]

const contact: readonly Column[] = [
  column('contactid', 'Uniqueidentifier', { requiredLevel: 'SystemRequired' }),
  text('mobilephone', 50, { format: 'Phone' }),
  column('statecode', 'State', {
    requiredLevel: 'SystemRequired',
    options: [
      { value: 0, label: 'Active' },
      { value: 1, label: 'Inactive' },
    ],
  }),
  column('statuscode', 'Status', {
    requiredLevel: 'SystemRequired',
    options: [
      { value: 1, label: 'Active', state: 0 },
      { value: 2, label: 'Inactive', state: 1 },
    ],
  }),
]

/** What stock Dynamics 365 Sales has, as far as these tests look at it. */
export const stockTables: Readonly<Record<RecordType, TableDefinition>> = {
  lead: tableOf('lead', [...shared, ...lead]),
  contact: tableOf('contact', [...shared, ...contact]),
}
