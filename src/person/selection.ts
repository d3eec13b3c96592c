import {
  type DefaultField,
  type Direction,
  defaultFields,
  isCustomInMarketo,
  type MarketoType,
} from './fields.ts'
import type { RecordType } from './person.ts'
import {
  type Addition,
  type DefaultValue,
  literalRivals,
  type OnInvalid,
  readSelectionFile,
  rivalSentence,
  type SelectionFile,
  type Stamp,
} from './selection-file.ts'
import type { ValueMap } from './value-map.ts'

export interface SelectedField {
  /** Marketo REST name. */
  marketo: string
  type: MarketoType
  /** Dataverse logical name. */
  column: string
  direction: Direction
  /** Booleans of opposite sense: true in Marketo is false in Dynamics. */
  inverted: boolean
  /** Table that a look-up with several targets points to. */
  target?: string
  /** Which values of the column Marketo's words stand for. */
  values?: ValueMap
  /** A value that does not fit: `fail` refuses the person, `omit` makes the record without it. Absent: `fail`. */
  onInvalid?: OnInvalid
}

/** Which fields travel, per record type, and what fills a column that would be empty on create. */
export interface FieldSelection {
  fields: Readonly<Record<RecordType, readonly SelectedField[]>>
  /** By Dataverse logical name. */
  defaults: Readonly<Record<RecordType, Readonly<Record<string, DefaultValue>>>>
  /** By Dataverse logical name. */
  stamp: Stamp
  /** Absent: `form`. */
  requiredColumns?: RequiredColumns
}

/** Columns that may not be empty: those that Dynamics' forms ask for too, or those that its API demands. */
const requiredColumns = ['form', 'api'] as const
export type RequiredColumns = (typeof requiredColumns)[number]

/** What holds for every field that says nothing else. */
export interface SelectionPolicy {
  onInvalid: OnInvalid
  requiredColumns: RequiredColumns
}

/** As the native sync does: a value that does not fit, or a column that a form asks for, refuses the person. */
const nativePolicy: SelectionPolicy = { onInvalid: 'fail', requiredColumns: 'form' }

/** Stock Dynamics demands a topic of every lead and Marketo has none to give. */
const builtInDefaults = { lead: { subject: 'From Marketo' }, contact: {} }

/** What a direction may be narrowed to; widening needs a field of one's own. */
const narrower: Readonly<Record<Direction, readonly Direction[]>> = {
  both: ['both', 'to-dynamics', 'to-marketo', 'on-create'],
  'to-dynamics': ['to-dynamics', 'on-create'],
  'to-marketo': ['to-marketo'],
  'on-create': ['on-create'],
}

/** Adobe's default mapping of stock columns. */
export function defaultSelection(policy = nativePolicy): FieldSelection {
  const nothing = { add: [], restrict: [], rules: new Map(), defaults: { lead: {}, contact: {} }, stamp: {} }
  return assemble({ select: ['standard'], ...nothing }, policy, [])
}

/** Marketo REST names of what may travel to Dynamics and can be asked of Marketo. */
export function marketoFields({ fields }: FieldSelection): string[] {
  const outward = [...fields.lead, ...fields.contact].filter(({ direction }) => direction !== 'to-marketo')
  const added = new Set(outward.map(({ marketo }) => marketo))
  added.delete('id')
  for (const { marketo } of defaultFields) if (isCustomInMarketo(marketo)) added.delete(marketo)
  return [...added]
}

/** A FIELDS_FILE (docs/fields.md). Every problem is a sentence that begins with the path of the JSON member. */
export function parseSelection(
  text: string,
  policy = nativePolicy,
): { selection: FieldSelection; problems?: never } | { selection?: never; problems: string[] } {
  const { file, problems } = readSelectionFile(text)
  const selection = assemble(file, policy, problems)
  return problems.length === 0 ? { selection } : { problems: [...new Set(problems)] }
}

function assemble(file: SelectionFile, policy: SelectionPolicy, problems: string[]): FieldSelection {
  const chosen = chooseDefaults(file.select, problems)
  const directionsOf = restrictions(file, chosen, problems)
  checkRules(file, chosen, problems)
  const fieldsOf = (recordType: RecordType) => {
    const fields = chosen.flatMap((field): SelectedField[] => {
      const counterpart = field[recordType]
      const direction = directionsOf(field, recordType)
      if (counterpart === undefined || direction === 'exclude') return []
      const { marketo, type } = field
      const { values, onInvalid = field.onInvalid ?? policy.onInvalid } = file.rules.get(marketo) ?? {}
      return [
        {
          ...{ marketo, type, column: counterpart.column, direction, inverted: false },
          ...(values && { values }),
          ...(onInvalid === 'omit' && { onInvalid }),
        },
      ]
    })
    file.add.forEach((addition, index) => {
      addField(fields, { onInvalid: policy.onInvalid, ...addition }, recordType, `add[${index}]`, problems)
    })
    return fields
  }
  const fields = { lead: fieldsOf('lead'), contact: fieldsOf('contact') }
  for (const recordType of ['lead', 'contact'] as const) {
    const rival = fields[recordType].find(({ column }) => column === file.stamp[recordType])
    if (rival !== undefined) {
      problems.push(`stamp.${recordType}: ${rival.column} is already the column of ${rival.marketo}.`)
    }
  }
  return {
    fields,
    defaults: { lead: defaultsOf(file, 'lead'), contact: defaultsOf(file, 'contact') },
    stamp: file.stamp,
    requiredColumns: policy.requiredColumns,
  }
}

function checkRules(file: SelectionFile, chosen: readonly DefaultField[], problems: string[]): void {
  for (const marketo of file.rules.keys()) {
    if (chosen.some((field) => field.marketo === marketo)) continue
    const isAdded = file.add.some((one) => one.marketo === marketo)
    const isDefault = defaultFields.some((field) => field.marketo === marketo)
    const why = isAdded ? 'its rule belongs to its entry under "add"' : `${marketo} is not selected`
    problems.push(`rules.${marketo}: ${isAdded || isDefault ? `${why}.` : unknownField(marketo)}`)
  }
}

function chooseDefaults(select: readonly string[], problems: string[]): DefaultField[] {
  const chosen = new Set<DefaultField>()
  select.forEach((name, index) => {
    const group = defaultFields.filter((field) =>
      name === 'standard' || name === 'sales-insight'
        ? field.standard === (name === 'standard')
        : field.marketo === name,
    )
    if (group.length === 0) problems.push(`select[${index}]: ${unknownField(name)}`)
    for (const field of group) chosen.add(field)
  })
  return defaultFields.filter((field) => chosen.has(field))
}

function restrictions(file: SelectionFile, chosen: readonly DefaultField[], problems: string[]) {
  for (const { marketo, recordType, to, path } of file.restrict) {
    const field = chosen.find((candidate) => candidate.marketo === marketo)
    const native = field?.[recordType]?.direction
    if (field === undefined) {
      const exists = defaultFields.some((candidate) => candidate.marketo === marketo)
      problems.push(`${path}: ${exists ? `${marketo} is not selected.` : unknownField(marketo)}`)
    } else if (native !== undefined && to !== 'exclude' && !narrower[native].includes(to)) {
      problems.push(`${path}: ${marketo} travels ${native} on a ${recordType} and cannot become ${to}.`)
    }
  }
  return (field: DefaultField, recordType: RecordType): Direction | 'exclude' => {
    const restricted = file.restrict.findLast(
      (one) => one.marketo === field.marketo && one.recordType === recordType,
    )
    const native = field[recordType]?.direction
    const direction = restricted?.to ?? native ?? 'exclude'
    const values = file.rules.get(field.marketo)?.values
    const rivals = values && literalRivals(values)
    if (!rivals || (direction !== 'both' && direction !== 'to-marketo')) return direction
    // The way back is not clear; whoever did not ask for it does not get it.
    if (!restricted && direction === 'both') return 'to-dynamics'
    problems.push(`rules.${field.marketo}.values: ${rivalSentence(rivals)}`)
    return direction
  }
}

/** One field has one place per record type, and one column has one field that writes it. */
function addField(
  fields: SelectedField[],
  addition: Addition,
  recordType: RecordType,
  path: string,
  problems: string[],
): void {
  const column = addition[recordType]
  if (column === undefined) return
  const { marketo, type, direction, inverted, target, values, onInvalid } = addition
  const writes = (one: Direction) => one === 'both' || one === 'to-dynamics'
  if (fields.some((field) => field.marketo === marketo)) {
    problems.push(
      `${path}.marketo: ${marketo} is already selected for a ${recordType}; exclude it in "restrict".`,
    )
  }
  const rival = fields.find((field) => field.column === column && writes(field.direction))
  if (rival !== undefined && writes(direction)) {
    problems.push(`${path}.${recordType}: ${column} is already written by ${rival.marketo}.`)
  }
  fields.push({
    ...{ marketo, type, column, direction, inverted },
    ...(target !== undefined && { target }),
    ...(values && { values }),
    ...(onInvalid === 'omit' && { onInvalid }),
  })
}

/** null in the file takes a built-in default away. */
function defaultsOf(file: SelectionFile, recordType: RecordType): Record<string, DefaultValue> {
  const merged: [string, DefaultValue | null][] = Object.entries({
    ...builtInDefaults[recordType],
    ...file.defaults[recordType],
  })
  return Object.fromEntries(merged.filter((entry): entry is [string, DefaultValue] => entry[1] !== null))
}

function unknownField(name: string): string {
  const near = defaultFields.find((field) => field.marketo.toLowerCase() === name.toLowerCase())
  const hint = near === undefined ? 'put a field of your own under "add"' : `did you mean ${near.marketo}?`
  return `there is no default field named ${JSON.stringify(name)}; ${hint}`
}
