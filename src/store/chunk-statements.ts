import { WAITING_REQUESTS } from './request-statements.ts'

/**
 * What the flow step's part of the store says to either database. `:name` parameters; whole numbers, and JSON as text.
 * Several statements of one verb run in this order in one transaction, each with what the one before it has left.
 */
export const CHUNK_SQL = {
  insertChunk: `
    insert into chunk (chunk_id, token, caller, munchkin_id, callback_url, callback_key, people, batch,
                       deadline, received_at, run_at)
    values (:chunkId, :token, :caller, :munchkinId, :callbackUrl, :callbackKey, :people, :batch, :deadline, :now, :now)
    on conflict (chunk_id) do nothing returning number`,

  reschedule: 'update chunk set run_at = :runAt, leased_until = 0 where chunk_id = :chunkId',

  list: 'select * from chunk where number < :before order by number desc limit :limit',
  listByState:
    'select * from chunk where state = :state and number < :before order by number desc limit :limit',
  count: 'select state, count(*) as chunks from chunk group by state',
  readPage: `
    select position, items, body from chunk join chunk_page using (number)
     where chunk_id = :chunkId and position <= :position and position + items > :position`,
  readCallback: `
    select body from chunk join callback_part using (number) where chunk_id = :chunkId order by position`,

  /** Whoever is late, since another has taken the chunk over, takes nothing back. */
  expand: `
    update chunk set expanded = case when expanded < :expanded then :expanded else expanded end,
                     state = case when :expanded < people then state else 'working' end
     where chunk_id = :chunkId and state = 'stored'`,
  erasePages: `
    delete from chunk_page
     where number = (select number from chunk where chunk_id = :chunkId)
       and position + items <= (select expanded from chunk where chunk_id = :chunkId)`,
  readPeople: `
    select position, chunk_person.marketo_id, request_id, coalesce(chunk_person.outcome, request.outcome) as outcome,
           request.attempts, next_attempt_at, waiting, accepted_at
      from chunk join chunk_person using (number) left join request using (request_id)
     where chunk_id = :chunkId and position >= :position order by position limit :limit`,
  readWaiting: `
    select ${WAITING_REQUESTS}
      from chunk join chunk_person using (number) join request using (request_id)
     where chunk_id = :chunkId and chunk_person.outcome is null and settled_at is null group by 1 order by 1`,

  startAnswering: `
    update chunk set state = 'answering', counts = :counts, answering_since = :now, attempts = 0,
                     run_at = :now, leased_until = 0
     where chunk_id = :chunkId and state = 'working' returning number`,
  /** Marketo's yes is the proof, also of a chunk that another try has given up meanwhile. */
  answered: `
    update chunk set state = 'done', token = '', callback_key = '', last_reason = null, ended_at = :now
     where chunk_id = :chunkId and state in ('answering', 'failed')`,
  eraseCallback: `
    delete from callback_part
     where number in (select number from chunk where chunk_id = :chunkId and state = 'done')`,
  answerAgain: `
    update chunk set last_reason = :reason, run_at = :runAt, leased_until = 0
     where chunk_id = :chunkId and state = 'answering'`,
  giveUp: `
    update chunk set state = 'failed', last_reason = :reason, ended_at = :now
     where chunk_id = :chunkId and state = 'answering'`,
  resend: `
    update chunk set state = 'answering', answering_since = :now, ended_at = null, run_at = :now, leased_until = 0
     where chunk_id = :chunkId and state = 'failed' returning number`,
  prune: `
    delete from chunk where number in (select number from chunk where ended_at < :before limit :limit)
    returning number`,
} as const
