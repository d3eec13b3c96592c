import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Draw } from '../crash/draw.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { sharedCluster } from '../postgres/shared-cluster.ts'
import { Deeds } from './deeds.ts'
import { connect } from './postgres-rig.ts'

const PROCESSES = 4
const HANDS = 3
const DEEDS = 150

/** Each says what must not be there. */
const FORBIDDEN: Readonly<Record<string, string>> = {
  'a name of a link that was merged away': `
    select 1 from identifier join link using (link_id) where state = 'merged'`,
  'an open request of a link that was merged away': `
    select 1 from request join link using (link_id) where state = 'merged' and settled_at is null`,
  'a replica of a link that was merged away': `
    select 1 from replica join link using (link_id) where state = 'merged'`,
  'a record that two links have': `
    select 1 from link where state in ('linked', 'orphaned') group by record_type, record_id having count(*) > 1`,
  'a person whom two links have': `
    select 1 from link where state <> 'merged' and marketo_id is not null group by marketo_id having count(*) > 1`,
  'a link whose record is named by another': `
    select 1 from link join identifier on kind = 'record' and value = record_type || ':' || record_id
     where state <> 'merged' and identifier.link_id <> link.link_id`,
  'a link whose record nobody names': `
    select 1 from link where state <> 'merged'
       and not exists (select from identifier where kind = 'record' and value = record_type || ':' || record_id)`,
  'a request that was settled and not logged': `
    select 1 from request where settled_at is not null
       and not exists (select from activity where activity.request_id = request.request_id and outcome <> 'queued')`,
  'a request that was logged as settled twice': `
    select 1 from activity where outcome <> 'queued' and request_id <> '' group by request_id having count(*) > 1`,
  'a record that was created twice': `
    select 1 from request where outcome like '%"created"%'
     group by outcome::jsonb ->> 'recordType', outcome::jsonb ->> 'recordId' having count(*) > 1`,
}

it('many at once leave nothing that one after the other could not', { skip: withoutPostgres }, async (t) => {
  const seed = Math.floor(Math.random() * 1_000_000)
  t.diagnostic(`seed ${seed}`)
  const cluster = await sharedCluster()
  const url = await cluster.createDatabase()
  const processes = await Promise.all(Array.from({ length: PROCESSES }, () => connect(url)))
  const deeds = new Deeds(new Draw(seed))
  const refused: unknown[] = []
  const work = async (process: (typeof processes)[number]) => {
    for (let count = 0; count < DEEDS; count += 1) {
      const { run, learn } = deeds.next()
      await run(process).then(learn, (error: unknown) => refused.push(error))
    }
  }
  await Promise.all(processes.flatMap((process) => Array.from({ length: HANDS }, () => work(process))))
  assert.deepEqual(refused, [])
  const [first] = processes
  assert.ok(first)
  const found: string[] = []
  for (const [what, sql] of Object.entries(FORBIDDEN)) {
    const rows = await first.postgres.query(sql)
    if (rows.length > 0) found.push(`${rows.length} × ${what}`)
  }
  const [{ deadlocks } = {}] = await first.postgres.query(
    'select deadlocks from pg_stat_database where datname = current_database()',
  )
  t.diagnostic(`${PROCESSES * HANDS * DEEDS} verbs, ${deadlocks} deadlocks`)
  assert.deepEqual(found, [], `seed ${seed}`)
  await Promise.all(processes.map((process) => process[Symbol.asyncDispose]()))
})
