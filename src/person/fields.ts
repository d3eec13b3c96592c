import type { RecordType } from './person.ts'

/** Marketo's data type of a field. Source: Adobe, "Field Types" (Marketo developer guide). */
export const marketoTypes = [
  'string',
  'text',
  'integer',
  'float',
  'boolean',
  'date',
  'datetime',
  'email',
  'phone',
  'url',
  'currency',
  'percent',
  'score',
] as const
export type MarketoType = (typeof marketoTypes)[number]

/**
 * both: travels either way. to-dynamics, to-marketo: one way.
 * on-create: fills a column that is still empty when the record is created, and never travels again.
 */
export const directions = ['both', 'to-dynamics', 'to-marketo', 'on-create'] as const
export type Direction = (typeof directions)[number]

interface Counterpart {
  /** Dataverse logical name. */
  column: string
  direction: Direction
}

export interface DefaultField extends Partial<Record<RecordType, Counterpart>> {
  /** Marketo REST name. */
  marketo: string
  /** The name that Marketo's own field list shows. */
  label: string
  type: MarketoType
  /** A free text in Marketo, for which Dynamics has choices: a word that is none of them is no reason to refuse. */
  onInvalid?: 'omit'
  /** false: offered, since the column exists only where Marketo Sales Insight is installed. */
  standard: boolean
}

type Row = Omit<DefaultField, 'standard'>

const onLead = (column: string, direction: Direction = 'both') => ({ lead: { column, direction } })
const onContact = (column: string, direction: Direction = 'both') => ({ contact: { column, direction } })
const onEither = (column: string, direction: Direction = 'both') => ({
  ...onLead(column, direction),
  ...onContact(column, direction),
})

/** State and status come from Dynamics only: they change by Qualify and Close there, not by a value. */
const stock: readonly Row[] = [
  { marketo: 'salutation', label: 'Salutation', type: 'string', ...onEither('salutation') },
  { marketo: 'firstName', label: 'First', type: 'string', ...onEither('firstname') },
  { marketo: 'middleName', label: 'Middle', type: 'string', ...onEither('middlename') },
  { marketo: 'lastName', label: 'Last', type: 'string', ...onEither('lastname') },
  { marketo: 'email', label: 'Email', type: 'email', ...onEither('emailaddress1') },
  { marketo: 'title', label: 'Job Title', type: 'string', ...onEither('jobtitle') },
  { marketo: 'phone', label: 'Phone', type: 'phone', ...onEither('telephone1') },
  { marketo: 'mobilePhone', label: 'Mobile', type: 'phone', ...onEither('mobilephone') },
  { marketo: 'fax', label: 'Fax', type: 'phone', ...onLead('fax') },
  { marketo: 'address', label: 'Address', type: 'text', ...onEither('address1_line1') },
  { marketo: 'city', label: 'City', type: 'string', ...onEither('address1_city') },
  { marketo: 'state', label: 'State', type: 'string', ...onEither('address1_stateorprovince') },
  { marketo: 'country', label: 'Country', type: 'string', ...onEither('address1_country') },
  { marketo: 'postalCode', label: 'Postal Code', type: 'string', ...onEither('address1_postalcode') },
  {
    marketo: 'leadSource',
    label: 'Person Source',
    type: 'string',
    ...onLead('leadsourcecode'),
    onInvalid: 'omit',
  },
  { marketo: 'leadStatus', label: 'Person Status', type: 'string', ...onEither('statecode', 'to-marketo') },
  {
    marketo: 'microsoftStatusReason',
    label: 'Status Reason',
    type: 'string',
    ...onEither('statuscode', 'to-marketo'),
  },
  { marketo: 'mktoPersonNotes', label: 'Person Notes', type: 'text', ...onEither('description') },
  { marketo: 'doNotCall', label: 'Do Not Call', type: 'boolean', ...onEither('donotphone') },
  { marketo: 'unsubscribed', label: 'Unsubscribed', type: 'boolean', ...onEither('donotbulkemail') },
  {
    marketo: 'rating',
    label: 'Person Rating',
    type: 'string',
    ...onLead('leadqualitycode'),
    onInvalid: 'omit',
  },
  {
    marketo: 'microsoftAddress2',
    label: 'Microsoft Address 2',
    type: 'string',
    ...onEither('address1_line2'),
  },
  {
    marketo: 'microsoftAddress3',
    label: 'Microsoft Address 3',
    type: 'string',
    ...onEither('address1_line3'),
  },
  {
    marketo: 'microsoftDoNotEmail',
    label: 'Microsoft Do Not Email',
    type: 'boolean',
    ...onEither('donotemail'),
  },
  { marketo: 'microsoftDoNotFax', label: 'Microsoft Do Not Fax', type: 'boolean', ...onEither('donotfax') },
  {
    marketo: 'microsoftDoNotSendMarketingMaterial',
    label: 'Microsoft Do Not Send Marketing Material',
    type: 'boolean',
    ...onEither('donotsendmm'),
  },
  { marketo: 'microsoftHomePhone', label: 'Microsoft Home Phone', type: 'phone', ...onEither('telephone2') },
  {
    marketo: 'microsoftPreferredMethodOfContact',
    label: 'Microsoft Preferred Method Of Contact',
    type: 'string',
    ...onEither('preferredcontactmethodcode'),
  },
  { marketo: 'microsoftTopic', label: 'Microsoft Topic', type: 'string', ...onLead('subject') },
  // Adobe maps two fields to the topic: this one only speaks when microsoftTopic is silent.
  { marketo: 'subject', label: 'Subject', type: 'string', ...onLead('subject', 'on-create') },
  { marketo: 'company', label: 'Company', type: 'string', ...onLead('companyname') },
  { marketo: 'annualRevenue', label: 'Annual Revenue', type: 'currency', ...onLead('revenue') },
  {
    marketo: 'microsoftCreatedDate',
    label: 'Microsoft Created Date',
    type: 'datetime',
    ...onEither('createdon', 'to-marketo'),
  },
]

/**
 * Marketo computes these, so they only travel to Dynamics. `leadinteresting…source` is Adobe's spelling. Adobe's
 * default mapping has labels alone; the REST names are those of its page for Dynamics without the native sync, and of
 * the recorded descriptions of people. Source: Adobe, "Sales Insight for non-native MS Dynamics integrations".
 */
const salesInsight: readonly Row[] = [
  {
    marketo: 'msiLastInterestingMomentDate',
    label: 'Last interesting moment date',
    type: 'datetime',
    ...onEither('mkt_lastinterestingmomentdate', 'to-dynamics'),
  },
  {
    marketo: 'msiLastInterestingMomentDesc',
    label: 'Last Interesting moment desc',
    type: 'text',
    ...onEither('mkt_lastinterestingmomentdesc', 'to-dynamics'),
  },
  {
    marketo: 'msiLastInterestingMomentSource',
    label: 'Last Interesting moment source',
    type: 'string',
    ...onEither('mkt_leadinterestingmomentsource', 'to-dynamics'),
  },
  {
    marketo: 'msiLastInterestingMomentType',
    label: 'Last interesting moment type',
    type: 'string',
    ...onEither('mkt_lastinterestingmomenttype', 'to-dynamics'),
  },
  {
    marketo: 'relativeScore',
    label: 'Relative Score',
    type: 'integer',
    ...onEither('mkt_relativescore', 'to-dynamics'),
  },
  { marketo: 'priority', label: 'Priority', type: 'integer', ...onEither('mkt_priority', 'to-dynamics') },
  {
    marketo: 'relativeUrgency',
    label: 'Relative Urgency',
    type: 'integer',
    ...onEither('mkt_urgency', 'to-dynamics'),
  },
  {
    marketo: 'leadScore',
    label: 'Person Score',
    type: 'score',
    ...onContact('mkt_leadscore', 'to-dynamics'),
  },
]

/** They are in Marketo only where somebody made them, or where Sales Insight is enabled. */
export function isCustomInMarketo(marketo: string): boolean {
  return /^(?:microsoft|msi|subject$)/.test(marketo)
}

/** Adobe's default mapping. Source: Adobe, "Default Dynamics Field Mapping". The owner is no field: see assignTo. */
export const defaultFields: readonly DefaultField[] = [
  ...stock.map((row) => ({ ...row, standard: true })),
  ...salesInsight.map((row) => ({ ...row, standard: false })),
]
