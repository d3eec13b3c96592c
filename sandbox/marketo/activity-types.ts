import { TYPE } from './activity.ts'
import { MarketoError } from './errors.ts'

export const ATTRIBUTE_TYPES = ['string', 'boolean', 'integer', 'float', 'link', 'email'].concat([
  ...['currency', 'date', 'datetime', 'phone', 'text'],
])

export interface AttributeType {
  apiName: string
  name: string
  dataType: string
}

/** What an admin defines; what is approved can be written, what is drafted waits. Adobe, "Custom activities". */
export interface Definition {
  name: string
  description: string
  triggerName: string
  filterName: string
  primaryAttribute: AttributeType
  attributes: readonly AttributeType[]
}

export interface CustomType {
  id: number
  apiName: string
  approved?: Definition
  draft?: Definition
}

const FIRST_ID = 100_001
const TYPES_MAX = 10
const ATTRIBUTES_MAX = 20

/** The subscription's custom activities. Refuses with a MarketoError. */
export class ActivityTypes {
  readonly #types = new Map<string, CustomType>()
  #nextId = FIRST_ID

  reset(): void {
    this.#types.clear()
    this.#nextId = FIRST_ID
  }

  all(): readonly CustomType[] {
    return [...this.#types.values()]
  }

  has(apiName: string): boolean {
    return this.#types.has(apiName)
  }

  get(apiName: string): CustomType {
    const type = this.#types.get(apiName)
    if (!type) throw new MarketoError('1013', `Custom activity type '${apiName}' not found`)
    return type
  }

  create(apiName: string, draft: Definition): CustomType {
    if (this.#types.has(apiName)) throw new MarketoError('1017', `Object already exists: '${apiName}'`)
    if (this.#types.size >= TYPES_MAX) throw new MarketoError('1027', `Maximum of ${TYPES_MAX} types reached`)
    return this.#keep({ id: this.#nextId++, apiName, draft })
  }

  /** Into the draft, which is made from what is approved. */
  addAttributes(apiName: string, attributes: readonly AttributeType[]): CustomType {
    const type = this.get(apiName)
    const base = type.draft ?? type.approved
    if (!base) throw new MarketoError('1013', `Custom activity type '${apiName}' not found`)
    const all = [...base.attributes, ...attributes]
    if (all.length > ATTRIBUTES_MAX)
      throw new MarketoError('1028', `Maximum of ${ATTRIBUTES_MAX} attributes reached`)
    if (new Set([base.primaryAttribute, ...all].map((each) => each.apiName)).size <= all.length) {
      throw new MarketoError('1017', 'Object already exists: an attribute of that name')
    }
    return this.#keep({ ...type, draft: { ...base, attributes: all } })
  }

  approve(apiName: string): CustomType {
    const { draft, ...type } = this.get(apiName)
    if (!draft) throw new MarketoError('1003', `Custom activity type '${apiName}' has no draft`)
    return this.#keep({ ...type, approved: draft })
  }

  delete(apiName: string): CustomType {
    const type = this.get(apiName)
    this.#types.delete(apiName)
    return type
  }

  #keep(type: CustomType): CustomType {
    this.#types.set(type.apiName, type)
    return type
  }
}

/** A type as the external endpoints show it: the draft or the approved one, attributes without their types. */
export function showCustomType(type: CustomType, isDraft = type.approved === undefined): object {
  const { id, apiName, approved, draft } = type
  const status = approved && draft ? 'approved with draft' : approved ? 'approved' : 'draft'
  const shown = (isDraft ? draft : approved) ?? approved ?? draft
  const attributes = shown?.attributes.map(({ dataType: _, ...attribute }) => attribute)
  return { id, apiName, status, ...shown, attributes }
}

/** Get Activity Types: the stock ones that the sandbox writes, and approved custom ones. */
export function describeTypes(types: ActivityTypes): readonly object[] {
  const custom = types.all().flatMap(({ id, apiName, approved }) => {
    if (!approved) return []
    const { name, description, primaryAttribute, attributes } = approved
    return { id, name, apiName, description, primaryAttribute, attributes }
  })
  return [...STOCK_TYPES, ...custom]
}

const stock = (id: number, name: string, primary: string | undefined, attributes: string) => ({
  id,
  name,
  description: name,
  ...(primary !== undefined && { primaryAttribute: { name: primary, dataType: 'string' } }),
  attributes: attributes.split(', ').map((each) => ({ name: each, dataType: 'string' })),
})

const STOCK_TYPES = [
  stock(TYPE.newLead, 'New Lead', undefined, 'Created Date, Source Type'),
  stock(
    TYPE.changeDataValue,
    'Change Data Value',
    'Attribute Name',
    'New Value, Old Value, Reason, Source, Request Id, API Method Name, Modifying User',
  ),
  stock(TYPE.changeScore, 'Change Score', 'Score Name', 'Change Value, New Value, Old Value, Reason'),
  stock(
    TYPE.mergeLeads,
    'Merge Leads',
    'Lead ID',
    'Master Updated, Merge IDs, Merge Source, Merged in Sales',
  ),
  stock(TYPE.deleteLead, 'Delete Lead', 'Lead ID', 'Reason'),
  stock(TYPE.callWebhook, 'Call Webhook', 'Webhook', 'Response, Error Type'),
]
