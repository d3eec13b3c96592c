import type { Answered } from './engine.ts'
import type { CrashPerson } from './people.ts'

export interface MadeRow {
  tag: string
  id: string
  byHand: boolean
}

export interface Ending {
  tag: string
  outcome: string
  recordId?: string
}

/** What was seen from outside: answers, the sandbox's commit log, and reads over HTTP once all was at rest. */
export interface Evidence {
  people: readonly CrashPerson[]
  answers: readonly Answered[]
  /** Creates of the commit log. */
  rows: readonly MadeRow[]
  /** How each request ended that was answered or stands in an activity log, by request id. */
  endings: ReadonlyMap<string, Ending>
  /** Tags of people whom the service says it knows. */
  known: ReadonlySet<string>
}

const ACCEPTED = [200, 202, 422]

/** One sentence for each broken promise. */
export function verdict(evidence: Evidence): string[] {
  const broken = [
    ...evidence.answers
      .filter(({ status }) => !ACCEPTED.includes(status))
      .map(({ tag, status }) => `${tag} was answered ${status}`),
    ...unequalReplays(evidence.answers),
    ...unendedRequests(evidence),
    ...doubleCreated(evidence),
  ]
  const rowsByTag = Map.groupBy(evidence.rows, ({ tag }) => tag)
  const endingsByTag = Map.groupBy(evidence.endings.values(), ({ tag }) => tag)
  const promised = new Set([...evidence.known, ...evidence.answers.map(({ tag }) => tag)])
  for (const person of evidence.people) {
    const rows = rowsByTag.get(person.tag) ?? []
    const endings = endingsByTag.get(person.tag) ?? []
    broken.push(...brokenPromises(person, rows, endings, promised.has(person.tag)))
  }
  return broken
}

function brokenPromises(
  { tag, refused }: CrashPerson,
  rows: readonly MadeRow[],
  endings: readonly Ending[],
  promised: boolean,
): string[] {
  const broken: string[] = []
  const [row] = rows
  if (rows.length > 1) broken.push(`${tag} has ${rows.length} records`)
  if (refused) {
    if (row) broken.push(`${tag} has a record that Dynamics' rules forbid`)
    if (promised && !endings.some(({ outcome }) => outcome === 'failed'))
      broken.push(`${tag} has no recorded failure`)
    return broken
  }
  if (promised && !row) broken.push(`${tag} was accepted and has no record`)
  for (const { outcome, recordId } of endings) {
    if (outcome === 'failed') broken.push(`${tag} failed without need`)
    else if (recordId !== row?.id) broken.push(`${tag} was told of record ${recordId}, which is not theirs`)
  }
  return broken
}

function unequalReplays(answers: readonly Answered[]): string[] {
  const byKey = Map.groupBy(answers, ({ key }) => key)
  byKey.delete(undefined)
  return [...byKey].flatMap(([key, same]) => {
    const texts = new Set(same.map(({ status, text }) => `${status} ${text}`))
    return texts.size > 1 ? [`replays of ${key} differ: ${[...texts].join(' and ')}`] : []
  })
}

function unendedRequests({ answers, endings }: Evidence): string[] {
  const lost = new Map(
    answers.filter(({ requestId }) => !endings.has(requestId)).map((one) => [one.requestId, one.tag]),
  )
  for (const [requestId, { tag, outcome }] of endings) if (outcome === 'queued') lost.set(requestId, tag)
  return [...lost].map(([requestId, tag]) => `request ${requestId} of ${tag} has no outcome`)
}

/** `created` is said to one request per record, and never of one that a person in sales entered. */
function doubleCreated({ answers, endings, rows }: Evidence): string[] {
  const byHand = new Set(rows.filter((row) => row.byHand).map(({ id }) => id))
  const makers = new Map<string, Set<string>>()
  const said = [...answers.map((one) => [one.requestId, one] as const), ...endings]
  for (const [requestId, { outcome, recordId }] of said) {
    if (outcome !== 'created' || recordId === undefined) continue
    makers.set(recordId, (makers.get(recordId) ?? new Set()).add(requestId))
  }
  return [...makers].flatMap(([recordId, { size }]) => {
    if (byHand.has(recordId)) return [`record ${recordId} was entered by hand and called created`]
    return size > 1 ? [`record ${recordId} was created for ${size} requests`] : []
  })
}
