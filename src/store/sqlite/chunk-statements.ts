import type { Database } from './database.ts'

export type ChunkStatements = ReturnType<typeof prepareStatements>

/** Every statement of the flow step's part of the store, once, by name. */
export function prepareStatements(db: Database) {
  return {
    insertChunk: db.prepare(
      `insert into chunk (chunk_id, token, caller, munchkin_id, callback_url, callback_key, people, batch,
                          deadline, received_at, run_at)
       values (:chunkId, :token, :caller, :munchkinId, :callbackUrl, :callbackKey, :people, :batch, :deadline, :now, :now)
       on conflict (chunk_id) do nothing returning number`,
    ),
    insertPage: db.prepare(
      'insert into chunk_page (number, position, items, body) values (:number, :position, :items, :body)',
    ),

    claim: db.prepare(
      `update chunk set leased_until = :leaseUntil, attempts = attempts + (state = 'answering')
        where number in (select number from chunk
                          where ended_at is null and batch = :batch and run_at <= :now and leased_until <= :now
                          order by run_at limit :limit)
       returning *`,
    ),
    releaseAll: db.prepare('update chunk set leased_until = 0 where ended_at is null'),
    reschedule: db.prepare('update chunk set run_at = :runAt, leased_until = 0 where number = :number'),
    giveBack: db.prepare(
      'update chunk set leased_until = 0, attempts = attempts - :tries where chunk_id = :chunkId',
    ),

    find: db.prepare('select * from chunk where chunk_id = ?'),
    list: db.prepare('select * from chunk where number < :before order by number desc limit :limit'),
    listByState: db.prepare(
      'select * from chunk where state = :state and number < :before order by number desc limit :limit',
    ),
    count: db.prepare('select state, count(*) as chunks from chunk group by state'),
    readPage: db.prepare(
      `select position, items, body from chunk_page
        where number = :number and position <= :position order by position desc limit 1`,
    ),
    readCallback: db.prepare('select body from callback_part where number = ? order by position'),

    insertPerson: db.prepare(
      `insert into chunk_person (number, position, marketo_id, request_id, outcome)
       values (:number, :position, :marketoId, :requestId, :outcome) on conflict do nothing`,
    ),
    expand: db.prepare(
      `update chunk set expanded = max(expanded, :expanded), state = case when :expanded < people then state else 'working' end
        where number = :number and state = 'stored'`,
    ),
    erasePages: db.prepare(
      `delete from chunk_page
        where number = :number and position + items <= (select expanded from chunk where number = :number)`,
    ),
    readPeople: db.prepare(
      `select position, chunk_person.marketo_id, request_id, coalesce(chunk_person.outcome, request.outcome) as outcome
         from chunk_person left join request using (request_id)
        where number = :number and position >= :position order by position limit :limit`,
    ),
    countOpen: db.prepare(
      `select count(*) as people from chunk_person left join request using (request_id)
        where number = ? and chunk_person.outcome is null and settled_at is null`,
    ),

    insertPart: db.prepare(
      'insert into callback_part (number, position, body) values (:number, :position, :body)',
    ),
    dropPeople: db.prepare('delete from chunk_person where number = ?'),
    startAnswering: db.prepare(
      `update chunk set state = 'answering', counts = :counts, answering_since = :now, attempts = 0,
                        run_at = :now, leased_until = 0
        where number = :number and state = 'working'`,
    ),
    answered: db.prepare(
      `update chunk set state = 'done', token = '', callback_key = '', last_reason = null, ended_at = :now
        where number = :number and state = 'answering'`,
    ),
    eraseCallback: db.prepare('delete from callback_part where number = ?'),
    answerAgain: db.prepare(
      `update chunk set last_reason = :reason, run_at = :runAt, leased_until = 0
        where number = :number and state = 'answering'`,
    ),
    giveUp: db.prepare(
      `update chunk set state = 'failed', last_reason = :reason, ended_at = :now
        where number = :number and state = 'answering'`,
    ),
    resend: db.prepare(
      `update chunk set state = 'answering', answering_since = :now, ended_at = null, run_at = :now, leased_until = 0
        where chunk_id = :chunkId and state = 'failed'`,
    ),
    prune: db.prepare(
      'delete from chunk where number in (select number from chunk where ended_at < :before limit :limit)',
    ),
  }
}
