import type { Lab } from './lab.ts'
import {
  byMarketoName,
  FIELDS,
  fits,
  fromColumn,
  type SimulatedField,
  type Table,
  type Value,
} from './schema.ts'
import type { Trait } from './traits.ts'

/** Fields into which people write emoji, and columns that a plug-in writes in capitals. */
const ADORNED = new Set(['title', 'phone', 'notes', 'tier'])
const CAPITALS = new Set(['jobtitle', 'firstname'])
const BEYOND_BMP = /[\u{10000}-\u{10FFFF}]/u
const LONG_TEXT = 'y'.repeat(280)

/** Marketo as it can be: a text that comes over the API ends before its first emoji, and is trimmed. */
export function cut(_: string, value: Value): Value {
  if (typeof value !== 'string') return value
  const place = value.search(BEYOND_BMP)
  const text = (place < 0 ? value : value.slice(0, place)).trim()
  return text === '' ? null : text
}

function capitalised(column: string, value: Value): Value {
  return typeof value === 'string' && CAPITALS.has(column) ? value.toUpperCase() : value
}

function adorned(lab: Lab, text: string, { marketo, columnType }: SimulatedField): string {
  if (!ADORNED.has(marketo) || !lab.scheduler.chance(0.3)) return text
  const lot = lab.scheduler.draw()
  if (lot < 0.2) return `😀 ${text}`
  if (lot < 0.4 && columnType === 'Memo') return `${text} ${LONG_TEXT} 😀 ${text}`
  return lot < 0.7 ? `${text} 😀` : `${text} 😀 and more`
}

/** Both sides store some values in a form of their own: nothing of it travels back, and each is reported. */
export const alteringSides: Trait = {
  name: 'altering sides',
  share: 0.4,
  begin(lab) {
    lab.marketo.alters = cut
    lab.dynamics.alters = capitalised
    lab.humans.adorns = (text, field) => adorned(lab, text, field)
  },
  check: (lab) => [...wrongForms(lab)],
}

/** S17: where a failure says that a side altered a value, the other side has the value that was altered. */
function wrongForms(lab: Lab): string[] {
  const reported = lab.records.rowsOf(
    `select failure.code, failure.field, record_type, record_id, marketo_id from failure join link using (link_id)
      where closed_at is null and failure.code in ('altered-by-marketo', 'altered-by-dynamics')
        and state = 'linked' and marketo_id is not null`,
  )
  return reported.flatMap((row) => {
    const field = fieldNamed(String(row.field))
    const person = lab.marketo.people.get(Number(row.marketo_id))
    const record = lab.dynamics.rows[row.record_type as Table].get(String(row.record_id))
    if (field === undefined || person === undefined || record === undefined) return []
    const held = person.fields[field.marketo] ?? null
    const seen = fromColumn(field, record.columns[field.column] ?? null)
    // What Dynamics refuses stays in Marketo alone.
    if (!fits(field, held)) return []
    const common = (value: Value) => capitalised(field.column, cut(field.marketo, value))
    const isRight = common(held) === common(seen) && held !== seen
    return isRight ? [] : [`S17: ${row.code} ${field.marketo}: ${held} / ${seen}`]
  })
}

function fieldNamed(name: string): SimulatedField | undefined {
  return byMarketoName.get(name) ?? FIELDS.find(({ column }) => column === name)
}
