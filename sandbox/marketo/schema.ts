import stock from './lead.data.json' with { type: 'json' }
import type { Value } from './value.ts'

export const DATA_TYPES = [
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
  'reference',
  'percent',
  'score',
] as const
export type DataType = (typeof DATA_TYPES)[number]

export interface Field {
  /** Only describe.json shows it. */
  id: number
  /** Its REST API name. */
  name: string
  /** Its SOAP API name, by which webhook mappings know it. */
  soapName: string
  /** What tokens call it. */
  displayName: string
  dataType: DataType
  length?: number
  readOnly: boolean
  isCustom: boolean
  /** Belongs to the person's company: tokens say `company.` for it. */
  ofCompany: boolean
  searchable: boolean
  /** Made by Create Lead Fields, with what it was told. */
  isApiCreated: boolean
  description?: string
  /** Field Management keeps API writes out: they are dropped without a word. */
  isBlocked: boolean
}

/** What an admin fills in; the SOAP name is made from the REST name. */
export interface CustomField {
  name: string
  displayName?: string
  dataType: DataType
  length?: number
  description?: string
  /** Default false: an admin made it. */
  isApiCreated?: boolean
}

/** The person's fields, and how they change under a client's feet. */
export class Schema {
  readonly #fields = new Map<string, Field>()
  /** What a standard field holds when nobody wrote it. */
  readonly defaults: ReadonlyMap<string, Value> = new Map<string, Value>([
    ...stock
      .filter(({ dataType }) => dataType === 'boolean')
      .map(({ name }): [string, Value] => [name, name === 'isLead']),
    ['leadPartitionId', 1],
  ])

  constructor() {
    this.reset()
  }

  reset(): void {
    this.#fields.clear()
    for (const row of stock) this.#fields.set(row.name, toField(row))
  }

  field(name: string): Field | undefined {
    return this.#fields.get(name)
  }

  fields(): readonly Field[] {
    return [...this.#fields.values()]
  }

  /** Replaces one of the same name. */
  add(custom: CustomField): void {
    const id = Math.max(...this.fields().map((field) => field.id)) + 1
    this.#fields.set(custom.name, {
      id,
      name: custom.name,
      soapName: soapNameOf(custom.name),
      displayName: custom.displayName ?? custom.name,
      readOnly: false,
      isCustom: true,
      ofCompany: false,
      isApiCreated: custom.isApiCreated ?? false,
      isBlocked: false,
      ...typed(custom.dataType, custom.length),
      ...(custom.description !== undefined && { description: custom.description }),
    })
  }

  remove(name: string): void {
    this.#fields.delete(name)
  }

  /** Only what `changes` names is different afterwards; the id stays. Throws when there is no such field. */
  change(name: string, changes: Partial<Pick<Field, 'name' | 'dataType' | 'length' | 'isBlocked'>>): void {
    const { length, ...field } = this.#known(name)
    const { dataType, ...others } = changes
    const retyped = dataType !== undefined && typed(dataType, changes.length)
    this.#fields.delete(name)
    const changed = { ...field, ...(length !== undefined && !retyped && { length }), ...others, ...retyped }
    this.#fields.set(changed.name, changed)
  }

  #known(name: string): Field {
    const field = this.#fields.get(name)
    if (!field) throw new Error(`there is no field ${name}`)
    return field
  }
}

/** Adobe, "Leads": custom fields of these types can be filtered by. */
const SEARCHABLE: readonly DataType[] = ['string', 'email', 'integer']
/** These have a length, which is the usual one unless an admin says otherwise. */
const SIZED: readonly DataType[] = ['string', 'email', 'phone', 'url']
const LENGTH = 255

function typed(dataType: DataType, length = SIZED.includes(dataType) ? LENGTH : undefined) {
  return { dataType, searchable: SEARCHABLE.includes(dataType), ...(length !== undefined && { length }) }
}

function toField(row: (typeof stock)[number]): Field {
  const dataType = DATA_TYPES.find((known) => known === row.dataType)
  if (!dataType) throw new Error(`the sandbox knows no data type ${row.dataType}`)
  return {
    id: row.id,
    name: row.name,
    soapName: row.soapName ?? soapNameOf(row.name),
    displayName: row.displayName,
    dataType,
    readOnly: row.readOnly ?? false,
    isCustom: false,
    ofCompany: row.ofCompany ?? false,
    searchable: row.searchable ?? false,
    isApiCreated: false,
    isBlocked: false,
    ...(row.length !== undefined && { length: row.length }),
  }
}

function soapNameOf(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}
