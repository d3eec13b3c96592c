import stock from './lead.data.json' with { type: 'json' }

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
}

/** What an admin fills in; the SOAP name is made from the REST name. */
export interface CustomField {
  name: string
  displayName?: string
  dataType: DataType
  length?: number
}

/** The person's fields. describe.json and describe2.json are two views of it. */
export class Schema {
  readonly #fields = new Map<string, Field>()

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
    // Adobe, "Leads": custom fields of these types can be filtered by.
    const searchable = ['string', 'email', 'integer'].includes(custom.dataType)
    const length =
      custom.length ?? (custom.dataType === 'string' || custom.dataType === 'email' ? 255 : undefined)
    this.#fields.set(custom.name, {
      id,
      name: custom.name,
      soapName: soapNameOf(custom.name),
      displayName: custom.displayName ?? custom.name,
      dataType: custom.dataType,
      readOnly: false,
      isCustom: true,
      ofCompany: false,
      searchable,
      ...(length !== undefined && { length }),
    })
  }

  remove(name: string): void {
    this.#fields.delete(name)
  }

  describe(): readonly unknown[] {
    return this.fields().map(({ id, displayName, dataType, length, name, soapName, readOnly }) => ({
      id,
      displayName,
      dataType,
      ...(length !== undefined && { length }),
      rest: { name, readOnly },
      soap: { name: soapName, readOnly },
    }))
  }

  describe2(): readonly unknown[] {
    const fields = this.fields()
    return [
      {
        name: 'API Lead',
        searchableFields: fields.filter(({ searchable }) => searchable).map(({ name }) => [name]),
        fields: fields.map(({ name, displayName, dataType, length, readOnly }) => ({
          name,
          displayName,
          dataType,
          ...(length !== undefined && { length }),
          updateable: !readOnly && name !== 'id',
          crmManaged: false,
        })),
      },
    ]
  }
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
    ...(row.length !== undefined && { length: row.length }),
  }
}

function soapNameOf(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}
