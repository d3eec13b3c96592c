import { type Direction, directions, type MarketoType, marketoTypes } from './fields.ts'
import { wordKey } from './option.ts'
import type { RecordType } from './person.ts'
import { reservedNames } from './system-fields.ts'
import type { ValueMap } from './value-map.ts'

export type DefaultValue = string | number | boolean

const invalidValueRules = ['fail', 'omit'] as const
export type OnInvalid = (typeof invalidValueRules)[number]

/** The members of a FIELDS_FILE, each well formed by itself; what they mean together is selection.ts. */
export interface SelectionFile {
  select: readonly string[]
  add: readonly Addition[]
  restrict: readonly Restriction[]
  /** By REST name of a default field. */
  rules: ReadonlyMap<string, FieldRule>
  defaults: Readonly<Record<RecordType, Readonly<Record<string, DefaultValue | null>>>>
  stamp: Stamp
}

/** The column of each record type that the background sync writes the id of a write into. */
export type Stamp = Readonly<Partial<Record<RecordType, string>>>

/** How the values of a field are treated. */
interface FieldRule {
  values?: ValueMap
  onInvalid?: OnInvalid
}

/** A field of the customer's own; `lead` and `contact` are the columns it goes to. */
export interface Addition extends Partial<Record<RecordType, string>>, FieldRule {
  marketo: string
  type: MarketoType
  direction: Direction
  inverted: boolean
  target?: string
}

interface Restriction {
  marketo: string
  recordType: RecordType
  to: Direction | 'exclude'
  path: string
}

type Json = Readonly<Record<string, unknown>>
/** Writes down a problem at a JSON path. */
type Say = (path: string, sentence: string) => void

const recordTypes = ['lead', 'contact'] as const
const marketoName = /^[A-Za-z][A-Za-z0-9_]{0,254}$/
const logicalName = /^[a-z][a-z0-9_]{0,127}$/

export function readSelectionFile(text: string): { file: SelectionFile; problems: string[] } {
  const problems: string[] = []
  const say: Say = (path, sentence) => problems.push(`${path}: ${sentence}`)
  const root = members(
    parse(text, say),
    '$',
    ['select', 'add', 'restrict', 'rules', 'defaults', 'stamp'],
    say,
  )
  const file = {
    select: readSelect(root.select, say),
    add: readAdditions(root.add, say),
    restrict: readRestrictions(root.restrict, say),
    rules: readRules(root.rules, say),
    defaults: readDefaults(root.defaults, say),
    stamp: readStamp(root.stamp, say),
  }
  return { file, problems }
}

function parse(text: string, say: Say): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    say('$', `this is not valid JSON: ${error instanceof Error ? error.message : 'unreadable'}`)
    return {}
  }
}

function readSelect(value: unknown, say: Say): string[] {
  if (value === undefined) return ['standard']
  if (!Array.isArray(value)) {
    say('select', 'must be a list of field names, "standard" or "sales-insight".')
    return []
  }
  return value.filter((name, index): name is string => {
    if (typeof name !== 'string') say(`select[${index}]`, 'must be a text.')
    return typeof name === 'string'
  })
}

function readAdditions(value: unknown, say: Say): Addition[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) {
    say('add', 'must be a list of objects.')
    return []
  }
  return value.flatMap((item: unknown, index) => {
    const path = `add[${index}]`
    if (isObject(item)) return [readAddition(item, path, say)]
    say(path, 'must be an object.')
    return []
  })
}

function readAddition(value: Json, path: string, say: Say): Addition {
  const names = ['marketo', 'lead', 'contact', 'type', 'direction', 'inverted', 'target', ...RULE_MEMBERS]
  const item = members(value, path, names, say)
  const type = oneOf(item.type ?? 'string', marketoTypes, `${path}.type`, say) ?? 'string'
  const rule = readRule(item, path, say)
  const goesBack = item.direction === 'both' || item.direction === 'to-marketo'
  const rivals = rule.values && literalRivals(rule.values)
  if (goesBack && rivals) say(`${path}.values`, rivalSentence(rivals))
  // Where two words stand for one value, the way back is not clear.
  const usual = rivals ? 'to-dynamics' : 'both'
  const direction = oneOf(item.direction ?? usual, directions, `${path}.direction`, say) ?? 'both'
  const marketo =
    name(item.marketo, marketoName, `${path}.marketo`, "must be a field's REST name.", say) ?? ''
  const addition: Addition = { marketo, type, direction, inverted: item.inverted === true, ...rule }
  for (const recordType of recordTypes) {
    const column = readColumn(item[recordType], `${path}.${recordType}`, say)
    if (column !== undefined) addition[recordType] = column
  }
  const target = readColumn(item.target, `${path}.target`, say)
  if (target !== undefined) addition.target = target

  if (item.lead === undefined && item.contact === undefined) {
    say(path, 'needs "lead" or "contact" with the logical name of a column.')
  }
  if (item.inverted !== undefined && typeof item.inverted !== 'boolean') {
    say(`${path}.inverted`, 'must be true or false.')
  }
  if (addition.inverted && type !== 'boolean') say(`${path}.inverted`, 'is for fields of type boolean only.')
  if (addition.inverted && rule.values) say(`${path}.inverted`, 'cannot be combined with "values".')
  if (reservedNames.has(marketo)) say(`${path}.marketo`, `${marketo} is filled by the service itself.`)
  if (marketo === 'marketoId') say(`${path}.marketo`, 'the id of the person is called "id".')
  if (marketo === 'id' && direction !== 'to-dynamics' && direction !== 'on-create') {
    say(`${path}.direction`, 'the id of the person can only go to-dynamics or on-create.')
  }
  return addition
}

function readRules(value: unknown, say: Say): Map<string, FieldRule> {
  const rules = Object.entries(object(value ?? {}, 'rules', say)).map(
    ([marketo, one]): [string, FieldRule] => {
      const path = `rules.${step(marketo)}`
      return [marketo, readRule(members(one, path, RULE_MEMBERS, say), path, say)]
    },
  )
  return new Map(rules)
}

const RULE_MEMBERS = ['values', 'otherwise', 'onInvalid']

function readRule({ values, otherwise, onInvalid }: Json, path: string, say: Say): FieldRule {
  const rule: FieldRule = {}
  const wanted =
    onInvalid === undefined ? undefined : oneOf(onInvalid, invalidValueRules, `${path}.onInvalid`, say)
  if (wanted !== undefined) rule.onInvalid = wanted
  if (values !== undefined) {
    const words = readWords(values, `${path}.values`, say)
    rule.values = { words, ...readOtherwise(otherwise, `${path}.otherwise`, say) }
  } else if (otherwise !== undefined) say(`${path}.otherwise`, 'can only be used with "values".')
  return rule
}

function readWords(value: unknown, path: string, say: Say): ValueMap['words'] {
  const words = new Map<string, { word: string; value: DefaultValue }>()
  for (const [word, one] of Object.entries(object(value, path, say))) {
    const at = `${path}.${step(word)}`
    const known = words.get(wordKey(word))
    if (wordKey(word) === '') say(at, 'must be a word: an empty field has no value.')
    else if (known) say(at, `is the same word as ${JSON.stringify(known.word)}: case and blanks are ignored.`)
    else if (one !== null && isDefault(one)) words.set(wordKey(word), { word: word.trim(), value: one })
    else say(at, 'must be a text that is not blank, a number, true or false.')
  }
  if (isObject(value) && Object.keys(value).length === 0)
    say(path, 'must be an object of at least one word and its value in Dynamics.')
  return words
}

function readOtherwise(value: unknown, path: string, say: Say): Pick<ValueMap, 'otherwise'> {
  if (value === undefined) return {}
  const rule = invalidValueRules.find((one) => one === value)
  if (rule !== undefined) return { otherwise: { kind: rule } }
  if (value !== null && isDefault(value)) return { otherwise: { kind: 'value', value } }
  say(path, 'must be "omit", "fail" or a value of the column.')
  return {}
}

/** Two words that stand for the same as they are written; a label and its number are compared with the table. */
export function literalRivals({ words }: ValueMap): [string, string] | undefined {
  const first = new Map<DefaultValue, string>()
  for (const { word, value } of words.values()) {
    const key = typeof value === 'string' ? wordKey(value) : value
    const rival = first.get(key)
    if (rival !== undefined) return [rival, word]
    first.set(key, word)
  }
  return undefined
}

export function rivalSentence(rivals: readonly [string, string]): string {
  const [one, other] = rivals.map((word) => JSON.stringify(word))
  return `${one} and ${other} stand for the same value, so the field can only be to-dynamics or on-create.`
}

function readRestrictions(value: unknown, say: Say): Restriction[] {
  return Object.entries(object(value ?? {}, 'restrict', say)).flatMap(([marketo, to]) => {
    const path = `restrict.${step(marketo)}`
    const perType = typeof to === 'object' ? members(to, path, recordTypes, say) : { lead: to, contact: to }
    return recordTypes.flatMap((recordType): Restriction[] => {
      const wanted = perType[recordType]
      if (wanted === undefined) return []
      const direction = oneOf(wanted, [...directions, 'exclude' as const], path, say)
      return direction === undefined ? [] : [{ marketo, recordType, to: direction, path }]
    })
  })
}

function readDefaults(value: unknown, say: Say): SelectionFile['defaults'] {
  const perType = members(value ?? {}, 'defaults', recordTypes, say)
  const read = (recordType: RecordType) => {
    const defaults: Record<string, DefaultValue | null> = {}
    for (const [column, one] of Object.entries(
      object(perType[recordType] ?? {}, `defaults.${recordType}`, say),
    )) {
      const path = `defaults.${recordType}.${step(column)}`
      if (readColumn(column, path, say) === undefined) continue
      if (isDefault(one)) defaults[column] = one
      else say(path, 'must be a text that is not blank, a number, true, false, or null for no default.')
    }
    return defaults
  }
  return { lead: read('lead'), contact: read('contact') }
}

function readStamp(value: unknown, say: Say): Stamp {
  const perType = members(value ?? {}, 'stamp', recordTypes, say)
  const stamp: Partial<Record<RecordType, string>> = {}
  for (const recordType of recordTypes) {
    const column = readColumn(perType[recordType], `stamp.${recordType}`, say)
    if (column !== undefined) stamp[recordType] = column
  }
  return stamp
}

function isDefault(value: unknown): value is DefaultValue | null {
  if (typeof value === 'string') return value.trim() !== ''
  return value === null || typeof value === 'number' || typeof value === 'boolean'
}

function readColumn(value: unknown, path: string, say: Say): string | undefined {
  return value === undefined
    ? undefined
    : name(value, logicalName, path, 'must be a logical name: lower-case letters, digits and _.', say)
}

function name(value: unknown, pattern: RegExp, path: string, sentence: string, say: Say): string | undefined {
  if (typeof value === 'string' && pattern.test(value)) return value
  say(path, sentence)
  return undefined
}

function oneOf<T extends string>(
  value: unknown,
  allowed: readonly T[],
  path: string,
  say: Say,
): T | undefined {
  const found = allowed.find((one) => one === value)
  if (found === undefined) say(path, `must be one of ${allowed.join(', ')}.`)
  return found
}

function object(value: unknown, path: string, say: Say): Json {
  if (isObject(value)) return value
  say(path, 'must be an object.')
  return {}
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function members(value: unknown, path: string, allowed: readonly string[], say: Say): Json {
  const found = object(value, path, say)
  for (const member of Object.keys(found)) {
    if (!allowed.includes(member)) {
      say(path === '$' ? step(member) : `${path}.${step(member)}`, `is unknown; use ${allowed.join(', ')}.`)
    }
  }
  return found
}

/** A member's name within a path: quoted where it would not read as one word. */
function step(member: string): string {
  return /^\w{1,255}$/.test(member) ? member : JSON.stringify(member)
}
