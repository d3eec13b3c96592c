import type { Column, TableName } from './dataverse/index.ts'
import type { Sandbox } from './index.ts'
import type { DataType } from './marketo/schema.ts'

type Json = Readonly<Record<string, unknown>>
type Shape = Partial<Column>

const TEXT_MAX = 100
const text = (format: string): Shape => ({ type: 'String', format, maxLength: TEXT_MAX })

/** The column that a customizer would make for a field of Marketo. */
const SHAPES: Readonly<Partial<Record<DataType, Shape>>> = {
  string: text('Text'),
  text: { type: 'Memo', format: 'TextArea', maxLength: 2_000 },
  email: text('Email'),
  phone: text('Phone'),
  url: text('Url'),
  integer: { type: 'Integer' },
  score: { type: 'Integer' },
  percent: { type: 'Integer' },
  float: { type: 'Double', precision: 5 },
  currency: { type: 'Money', precision: 2 },
  boolean: { type: 'Boolean' },
  date: { type: 'DateTime', format: 'DateOnly', behavior: 'DateOnly' },
  datetime: { type: 'DateTime', format: 'DateAndTime', behavior: 'UserLocal' },
}

/**
 * Gives both sides the fields and columns of a FIELDS_FILE that they lack. Returns a sentence for each that was made,
 * and for each that cannot be. What is wrong with the file itself is for the service to say.
 */
export function makeOwnFields({ dataverse, marketo }: Sandbox, file: string): string[] {
  const sentences: string[] = []
  const makeColumn = (table: TableName, name: unknown, shape: Shape | undefined) => {
    if (typeof name !== 'string' || dataverse.organisation.tables.get(table)?.columns.has(name)) return
    if (shape === undefined) {
      sentences.push(`${name} of a ${table} cannot be made: name a look-up that the table has.`)
      return
    }
    dataverse.changeColumn(table, name, shape)
    sentences.push(`Made ${name} of a ${table} in Dynamics (${shape.type}).`)
  }
  const root = parsed(file)
  for (const field of Array.isArray(root.add) ? root.add.filter(isObject) : []) {
    const { marketo: name, type = 'string', target } = field
    const dataType = Object.keys(SHAPES).find((known): known is DataType => known === type)
    if (typeof name !== 'string' || dataType === undefined) continue
    if (name !== 'id' && !marketo.subscription.schema.field(name)) {
      marketo.addField({ name, dataType })
      sentences.push(`Made ${name} in Marketo (${dataType}).`)
    }
    const shape = target === undefined ? (shapeOfValues(field) ?? SHAPES[dataType]) : undefined
    for (const table of ['lead', 'contact'] as const) makeColumn(table, field[table], shape)
  }
  const stamp = isObject(root.stamp) ? root.stamp : {}
  for (const table of ['lead', 'contact'] as const) makeColumn(table, stamp[table], text('Text'))
  return sentences
}

/** Words for numbers are words for choices, which are labelled with them. */
function shapeOfValues({ values, otherwise }: Json): Shape | undefined {
  if (!isObject(values)) return undefined
  const named: [string, unknown][] = Object.entries(values)
  if (typeof otherwise === 'number') named.push(['Otherwise', otherwise])
  if (named.length > 0 && named.every(([, value]) => typeof value === 'boolean')) return { type: 'Boolean' }
  const labels = new Map<number, string>()
  for (const [word, value] of named) {
    if (typeof value !== 'number') return undefined
    if (!labels.has(value)) labels.set(value, word)
  }
  const options = [...labels].map(([value, label]) => ({ value, label }))
  return { type: 'Picklist', options: options.sort((a, b) => a.value - b.value) }
}

/** A sentence for each field that does not travel as selected, as the service itself says it. */
export async function fieldsSetAside(
  serviceUrl: string,
  apiKey: string,
  signal: AbortSignal,
): Promise<string[]> {
  const response = await fetch(`${serviceUrl}/v1/sync/fields`, { headers: { 'x-api-key': apiKey }, signal })
  if (!response.ok) throw new Error(`GET /v1/sync/fields answered ${response.status}`)
  const report: unknown = await response.json()
  const fields = isObject(report) && isObject(report.fields) ? report.fields : {}
  return ['lead', 'contact'].flatMap((table) => {
    const lines: unknown = fields[table]
    return (Array.isArray(lines) ? lines.filter(isObject) : [])
      .filter(({ state }) => state !== 'ok')
      .map(({ field, column, code, advice }) => `${field} (${column} of a ${table}): ${code}. ${advice}`)
  })
}

function parsed(file: string): Json {
  try {
    const root: unknown = JSON.parse(file)
    return isObject(root) ? root : {}
  } catch {
    return {}
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
