/**
 * What a store holds of one organisation and one subscription. All of it names people or records by ids that mean
 * somebody else in another one: an answer that is kept for a replay gives a record id, an activity a Marketo id.
 */
const PAIRED = [
  ['links', 'link'],
  ['identifiers', 'identifier'],
  ['requests', 'request'],
  ['activities', 'activity'],
  ['replicas of both sides', 'replica'],
  ['conflicts', 'conflict'],
  ['failures', 'failure'],
  ['cursors', 'cursor'],
  ['chunks of the flow step', 'chunk'],
] as const

/** Gives one row with a column for each. */
export const COUNT_PAIRED = `select
  (select count(*) from request where settled_at is null) as "requests that are not finished",
  ${PAIRED.map(([label, table]) => `(select count(*) from ${table}) as "${label}"`).join(',\n  ')}`

/** In this order, in one transaction. The sync stays paused if it was. */
export const FORGET_PAIRED: readonly string[] = [
  ...['callback_part', 'chunk_page', 'chunk_person', 'chunk', 'intent', 'activity', 'conflict', 'failure'],
  ...['replica', 'alias', 'departed', 'identifier', 'request', 'cursor'],
]
  .map((table) => `delete from ${table}`)
  .concat('update link set merged_into = null', 'delete from link', 'delete from binding')

/** Rows of the store's one database, whichever it is. */
export interface Rebound extends AsyncDisposable {
  /** Throws a sentence while a service uses the store. */
  read(sql: string): Promise<Readonly<Record<string, unknown>>[]>
  /** All or nothing, with the jobs of requests. */
  forget(): Promise<void>
}
