import type { Schema } from './schema.ts'

/** Describe Lead. Source: recorded replies. */
export function describe(schema: Schema): readonly unknown[] {
  return schema.fields().map(({ id, displayName, dataType, length, name, soapName, readOnly }) => ({
    id,
    displayName,
    dataType,
    ...(length !== undefined && { length }),
    rest: { name, readOnly },
    soap: { name: soapName, readOnly },
  }))
}

/** Describe Lead 2: the same fields, and which of them leads can be searched by. */
export function describe2(schema: Schema, isCrmManaged: boolean): readonly unknown[] {
  const fields = schema.fields()
  return [
    {
      name: 'API Lead',
      searchableFields: fields.filter(({ searchable }) => searchable).map(({ name }) => [name]),
      fields: fields.map(({ name, displayName, dataType, length, readOnly, ofCompany }) => ({
        name,
        displayName,
        dataType,
        ...(length !== undefined && { length }),
        updateable: !readOnly && name !== 'id',
        crmManaged: isCrmManaged && ofCompany,
      })),
    },
  ]
}
