import type { Edit, Evidence, HeldPerson, HeldRow, Side, Subject, Written } from './evidence.ts'

/** One sentence for each broken promise. */
export function verdict(evidence: Evidence): string[] {
  const deleted = evidence.deletions.filter(({ byService }) => byService)
  return [
    ...deleted.map(({ tag, side }) => `the service deleted ${tag} in ${side}`),
    ...sharedRecords(evidence.people),
    ...unended(evidence),
    ...evidence.subjects.flatMap((subject) => brokenPromises(subject, evidence)),
  ]
}

function sharedRecords(people: readonly HeldPerson[]): string[] {
  const byRecord = Map.groupBy(people, ({ recordId }) => recordId)
  byRecord.delete(undefined)
  return [...byRecord].flatMap(([recordId, { length }]) =>
    length > 1 ? [`record ${recordId} has ${length} people`] : [],
  )
}

function unended({ endings }: Evidence): string[] {
  return [...endings].flatMap(([requestId, { tag, outcome }]) =>
    outcome === 'created' || outcome === 'exists' ? [] : [`request ${requestId} of ${tag} ended ${outcome}`],
  )
}

function brokenPromises({ tag }: Subject, evidence: Evidence): string[] {
  const rows = evidence.rows.filter((one) => one.tag === tag)
  const people = evidence.people.filter((one) => one.tag === tag)
  const broken: string[] = []
  if (rows.length > 1) broken.push(`${tag} has ${rows.length} records`)
  if (people.length > 1) broken.push(`${tag} has ${people.length} people`)
  const [row] = rows
  const [person] = people
  const wasDeleted = evidence.deletions.some((one) => one.tag === tag && one.side === 'marketo')
  if (row && !person && !wasDeleted) broken.push(`${tag} has a record and no person`)
  if (!row && person?.recordId !== undefined && !person.isDeleted)
    broken.push(`${tag} is not told that the record is deleted`)
  if (row && person) {
    const unequal = inequalities(row, person)
    broken.push(...unequal)
    if (unequal.length === 0) broken.push(...lostEdits(tag, { row, person }, evidence))
  }
  return broken
}

function inequalities(row: HeldRow, person: HeldPerson): string[] {
  const { tag } = row
  const broken: string[] = []
  if (person.recordId !== row.id) broken.push(`${tag} names record ${person.recordId}, and has ${row.id}`)
  else if (person.isDeleted) broken.push(`${tag} is flagged as deleted, and is not`)
  for (const [field, value] of Object.entries(row.values)) {
    const held = person.values[field] ?? null
    if (held !== value) broken.push(`${tag}.${field} is ${held} in Marketo and ${value} in Dynamics`)
  }
  return broken
}

/**
 * An edit that does not stand was replaced by somebody who saw it, or is in the conflict log. Whoever replaces it
 * where it was made has seen it, and so has whoever made the value that stands, if it is later and the edit had
 * been carried to the other side.
 */
function lostEdits(
  tag: string,
  pair: { row: HeldRow; person: HeldPerson },
  { edits, written, conflicts }: Evidence,
): string[] {
  const homes: Record<Side, string> = { marketo: pair.person.id, dynamics: pair.row.id }
  const own = edits.filter((edit) => edit.tag === tag)
  const isLogged = ({ field, value }: Edit) =>
    conflicts.some((conflict) => conflict.field === field && conflict.lost === value)
  const writesOf = (side: Side, field: string) =>
    written[side].filter((one) => one.home === homes[side] && one.field === field)
  /** Also of those that were deleted there, and made anew. */
  const allWritesOf = (side: Side, field: string) => {
    const all = new Set([homes[side], ...own.filter((edit) => edit.side === side).map(({ home }) => home)])
    return written[side].filter((one) => all.has(one.home) && one.field === field)
  }
  return own.flatMap((edit) => {
    const { field, value, side, number } = edit
    const stands = pair.row.values[field] ?? null
    if (homes[side] !== edit.home || value === stands || isLogged(edit)) return []
    const here = writesOf(side, field)
    if (here[here.findIndex((one) => one.value === value) + 1]?.byService === false) return []
    const final = own.findLast((one) => one.field === field && one.value === stands)
    const there = allWritesOf(side === 'marketo' ? 'dynamics' : 'marketo', field)
    const travelled = there.some((one) => one.value === value && one.byService)
    if (travelled && final !== undefined && final.number > number) return []
    return [
      `${tag}.${field} = ${value} is lost: ${stands} stands; in ${side} ${tell(here)}; opposite ${tell(there)}`,
    ]
  })
}

/** The service's own writes have a star. */
function tell(writes: readonly Written[]): string {
  return writes.map(({ value, byService }) => `${value}${byService ? '*' : ''}`).join(', ')
}
