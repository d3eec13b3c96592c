import { CHUNK_SQL } from '../chunk-statements.ts'
import type { Database } from './database.ts'
import { erasable } from './erasable.ts'
import { prepareAll } from './prepare.ts'

const BODY = erasable(':body', 'rowid')

export type ChunkStatements = ReturnType<typeof prepareStatements>

/** Every statement of the flow step's part of the store, once, by name. */
export function prepareStatements(db: Database) {
  return {
    ...prepareAll(db, CHUNK_SQL),
    insertPage: db.prepare(
      `insert into chunk_page (number, position, items, body) values (:number, :position, :items, ${BODY})`,
    ),
    claim: db.prepare(
      `update chunk set leased_until = :now + :leaseMs, attempts = attempts + (state = 'answering')
        where number in (select number from chunk
                          where ended_at is null and batch = :batch and run_at <= :now and leased_until <= :now
                            and chunk_id not in (select value from json_each(:except))
                          order by run_at limit :limit)
       returning *`,
    ),
    hold: db.prepare(
      `update chunk set leased_until = :now + :leaseMs
        where chunk_id in (select value from json_each(:chunkIds)) and leased_until > 0 and ended_at is null`,
    ),
    releaseAll: db.prepare('update chunk set leased_until = 0 where ended_at is null'),
    insertPerson: db.prepare(
      `insert into chunk_person (number, position, marketo_id, request_id, outcome)
       select number, :position, :marketoId, :requestId, :outcome
         from chunk where chunk_id = :chunkId and state = 'stored'
       on conflict do nothing`,
    ),
    dropPeople: db.prepare('delete from chunk_person where number = :number'),
    insertPart: db.prepare(
      `insert into callback_part (number, position, body) values (:number, :position, ${BODY})`,
    ),
  }
}
