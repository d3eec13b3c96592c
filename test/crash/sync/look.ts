import type { Sandbox } from '../../../sandbox/index.ts'
import { defaultSelection } from '../../../src/person/selection.ts'
import type { Engine } from '../engine.ts'
import type { Ending } from '../verdict.ts'
import type { Evidence, HeldPerson, HeldRow, Value, Written } from './evidence.ts'
import { EDITED, type Office, tagOf } from './office.ts'

const TABLES = ['lead', 'contact'] as const
const NEW_LEAD = 12
const DELETE_LEAD = 37
const API_SOURCE = 'Web service API'
const PAGE = 300

/** Gives what there is to be judged whenever it is called. */
export function observer(sandbox: Sandbox, office: Office, engine: Engine): () => Promise<Evidence> {
  const { subjects, edits } = office
  const endings = new Map<string, Ending>()
  return async () => ({
    subjects,
    edits,
    rows: rowsOf(sandbox),
    people: peopleOf(sandbox),
    written: { dynamics: writtenToDynamics(sandbox), marketo: writtenToMarketo(sandbox) },
    deletions: deletionsOf(sandbox),
    conflicts: await conflictsOf(engine),
    endings: await endingsOf(engine, endings),
  })
}

function rowsOf({ dataverse }: Sandbox): HeldRow[] {
  return TABLES.flatMap((table) => {
    const columns = dataverse.organisation.tables.get(table)?.columns
    const fields = defaultSelection().fields[table].filter(({ direction }) => direction === 'both')
    return dataverse.rows(table).map((row): HeldRow => {
      const values = fields.map(({ marketo, column }): [string, Value] => {
        const option = columns?.get(column)?.options?.find(({ value }) => value === row[column])
        return [marketo, heldValue(option ? option.label : row[column])]
      })
      return {
        tag: tagOf(row.emailaddress1),
        id: String(row[`${table}id`]),
        values: Object.fromEntries(values),
      }
    })
  })
}

function peopleOf({ marketo }: Sandbox): HeldPerson[] {
  return marketo.people().map(({ id, email, microsoftRecordId, microsoftIsDeleted, ...fields }) => ({
    tag: tagOf(email),
    id: String(id),
    ...(typeof microsoftRecordId === 'string' && { recordId: microsoftRecordId }),
    isDeleted: microsoftIsDeleted === true,
    values: Object.fromEntries(
      Object.entries({ ...fields, email }).map(([name, value]) => [name, heldValue(value)]),
    ),
  }))
}

/** No is what a person who was never asked says. */
function heldValue(value: unknown): Value {
  if (typeof value === 'string' && value !== '') return value
  return typeof value === 'number' || value === true ? value : null
}

function writtenToDynamics({ dataverse }: Sandbox): Written[] {
  return dataverse.commits.flatMap(({ id: home, columns, userId }) =>
    EDITED.flatMap(([field, column]): Written[] => {
      const byService = userId === dataverse.ids.applicationUser
      return column in columns ? [{ home, field, value: heldValue(columns[column]), byService }] : []
    }),
  )
}

/** The log does not tell what a person began with, but what the first change of a field replaced. */
function writtenToMarketo({ marketo }: Sandbox): Written[] {
  const makers = new Map<number, boolean>()
  const begun = new Set<string>()
  return marketo.log().flatMap(({ leadId, typeId, change, cause, attributes = [] }): Written[] => {
    const byService = cause?.api !== undefined
    if (typeId === NEW_LEAD)
      makers.set(
        leadId,
        attributes.some(({ value }) => value === API_SOURCE),
      )
    if (change === undefined) return []
    const { name: field, oldValue, newValue } = change
    const at = { home: String(leadId), field }
    const first: Written[] = begun.has(`${leadId} ${field}`)
      ? []
      : [{ ...at, value: heldValue(oldValue), byService: makers.get(leadId) ?? false }]
    begun.add(`${leadId} ${field}`)
    return [...first, { ...at, value: heldValue(newValue), byService }]
  })
}

function deletionsOf({ dataverse, marketo }: Sandbox): Evidence['deletions'] {
  const emails = new Map(
    dataverse.commits.flatMap(({ id, columns }) =>
      columns.emailaddress1 === undefined ? [] : [[id, columns.emailaddress1] as const],
    ),
  )
  const { applicationUser } = dataverse.ids
  const rows = dataverse.commits
    .filter(({ operation }) => operation === 'delete')
    .map(({ id, userId }) => ({
      tag: tagOf(emails.get(id)),
      side: 'dynamics' as const,
      byService: userId === applicationUser,
    }))
  const people = marketo
    .log()
    .filter(({ typeId }) => typeId === DELETE_LEAD)
    .map(({ primaryValue }) => ({
      tag: String(primaryValue).split(' ')[0] ?? '',
      side: 'marketo' as const,
      byService: marketo.calls.some(({ operation }) => operation === 'delete' || operation === 'merge'),
    }))
  return [...rows, ...people]
}

async function conflictsOf(engine: Engine): Promise<Evidence['conflicts']> {
  const conflicts: { field: string; lost: Value }[] = []
  for (let cursor = ''; ; ) {
    const page = await engine.read(`/v1/sync/conflicts?limit=${PAGE}&values=shown${cursor}`)
    const { conflicts: found = [], nextCursor }: ConflictPage = page ?? {}
    for (const { field, winner, marketo, dynamics } of found) {
      conflicts.push({ field, lost: (winner === 'marketo' ? dynamics : marketo).value })
    }
    if (nextCursor === undefined) return conflicts
    cursor = `&cursor=${nextCursor}`
  }
}

interface ConflictPage {
  conflicts?: { field: string; winner: string; marketo: { value: Value }; dynamics: { value: Value } }[]
  nextCursor?: string
}

/** Of every request that was answered; one that has ended is not asked for again. */
async function endingsOf(engine: Engine, known: Map<string, Ending>): Promise<Map<string, Ending>> {
  for (const { requestId, tag, outcome } of engine.answers) {
    const ending = known.get(requestId) ?? { tag, outcome }
    if (ending.outcome === 'queued') {
      const read = await engine.read(`/v1/requests/${requestId}`)
      ending.outcome = String(read?.outcome)
    }
    known.set(requestId, ending)
  }
  return known
}
