import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import pg from 'pg'
import { withoutPostgres } from '../postgres/cluster.ts'
import { waiting, whileHeld } from '../postgres/held.ts'
import { openPostgres } from './postgres-rig.ts'
import { EMPTY, enter, NOW, replicaOf } from './sync-contract.ts'

type Under = Awaited<ReturnType<typeof openPostgres>>

const LOG = (functions: string, linkId: number, request: string) =>
  `select ${functions}.log_activity(${linkId}, null, '${request}', ${NOW}, 'created', '{}')`
/** An open failure of the link, as a save leaves it. */
const FAIL = (linkId: number) => `
  insert into failure (link_id, side, code, advice, first_seen_at, last_seen_at, attempts)
  values (${linkId}, 'dynamics', 'c', 'a', 1, 1, 1) returning failure_id`

async function failureOf({ postgres }: Under, linkId: number): Promise<number> {
  const [row] = await postgres.query(FAIL(linkId))
  return row?.failure_id as number
}

describe('the sync store on PostgreSQL, with others at the same time', { skip: withoutPostgres }, () => {
  it('never passes over an activity that becomes visible after a later one', async () => {
    await using under = await openPostgres()
    const { sync, postgres, functions, url } = under
    const { linkId } = await enter(sync, 'r1')
    const early = new pg.Client({ connectionString: url })
    await early.connect()
    await early.query(`set search_path to ${functions}, public`)
    await early.query('begin')
    await early.query(LOG(functions, linkId, 'early'))
    await postgres.query(
      `select set_config('search_path', '${functions}, public', true), ${LOG(functions, linkId, 'late').slice(7)}`,
    )
    assert.equal((await postgres.query('select from activity')).length, 1, 'the later one is there')
    const reading = sync.readUnsentActivities(0, 9)
    while ((await waiting(early)) === 0) assert.equal(await Promise.race([reading, 'not yet']), 'not yet')
    await early.query('commit')
    const [first, second] = await reading
    assert(first && second && first.activityId < second.activityId)
    await early.end()
  })

  it('finds many replicas by any of their names at once, each once', async () => {
    await using under = await openPostgres()
    const { sync } = under
    const links = [...Array(30).keys()].map((index) => ({
      link: { recordType: 'lead', recordId: `r${index}` } as const,
      replica: { ...EMPTY, marketoId: index + 1 },
    }))
    const saved = await sync.save({ now: NOW, newLinks: links })
    assert(saved.kind === 'saved')
    const found = await sync.findReplicas({
      records: links.slice(0, 20).map(({ link }) => link),
      marketoIds: links.slice(10).map(({ replica }) => replica.marketoId),
      linkIds: saved.linkIds.slice(5, 15),
    })
    const ids = found.map(({ linkId }) => linkId)
    assert.deepEqual(
      ids.toSorted((a, b) => a - b),
      saved.linkIds,
    )
    assert.deepEqual(await sync.findReplicas({}), [])
  })

  it('finds the link that took over by the ids of those that were merged away one after the other', async () => {
    await using under = await openPostgres()
    const { sync } = under
    const [a, b, c] = [await enter(sync, 'a'), await enter(sync, 'b'), await enter(sync, 'c')]
    await sync.save({ now: NOW, moves: [{ kind: 'merge', linkId: a.linkId, into: b.linkId }] })
    await sync.save({ now: NOW, moves: [{ kind: 'merge', linkId: b.linkId, into: c.linkId }] })
    const found = await sync.findReplicas({ linkIds: [a.linkId, b.linkId] })
    assert.deepEqual(
      found.map(({ linkId }) => linkId),
      [c.linkId],
    )
  })

  it('makes a record due after who holds its link is through, and loses neither write', async () => {
    await using under = await openPostgres()
    const { sync, url } = under
    const { linkId, version } = await enter(sync, 'r1', { attempts: 5 })
    const failureId = await failureOf(under, linkId)
    const held = [
      `select from link where link_id = ${linkId} for update`,
      `update replica set attempts = 6, version = version + 1 where link_id = ${linkId}`,
    ]
    assert.deepEqual(await whileHeld(url, held, [() => sync.retryFailure(failureId, NOW)]), [true])
    const { dueAt, attempts, version: after } = await replicaOf(sync, linkId)
    assert.deepEqual([dueAt, attempts, after], [NOW, 6, version + 2])
  })

  it('does not retry a failure that another one is just closing', async () => {
    await using under = await openPostgres()
    const { sync, url } = under
    const { linkId } = await enter(sync, 'r1')
    const failureId = await failureOf(under, linkId)
    const held = [
      `select from link where link_id = ${linkId} for update`,
      `update failure set closed_at = 2 where failure_id = ${failureId}`,
    ]
    assert.deepEqual(await whileHeld(url, held, [() => sync.retryFailure(failureId, NOW)]), [false])
    assert.equal((await replicaOf(sync, linkId)).dueAt, undefined)
  })
})
