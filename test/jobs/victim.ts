import { systemClock, systemRandom } from '../../src/clock.ts'
import { Heartbeat } from '../../src/flow-action/heartbeat.ts'
import { PgBossJobs } from '../../src/jobs/pg-boss.ts'
import { createLog } from '../../src/log.ts'
import { Postgres } from '../../src/store/postgres/postgres.ts'

/** A replica that works on one claimed job and on one as an endpoint does, beats, and ends only when it is killed. */
const [url = '', atEndpoint = ''] = process.argv.slice(2)
const log = createLog({ level: 'warn', destination: { write: (line) => process.stderr.write(line) } })
const postgres = new Postgres({ url, poolMax: 3, clock: systemClock, random: systemRandom, lost: () => {} })
const jobs = await PgBossJobs.open({ postgres, log, clock: systemClock })
const heartbeat = new Heartbeat({ jobs, clock: systemClock, log, intervalMs: 3_000 })
await postgres.run(await jobs.enqueue({ requestId: atEndpoint, lane: 'real-time', held: true }))
heartbeat.hold(atEndpoint)
for (const { requestId } of await jobs.claim('real-time', 9)) heartbeat.hold(requestId)
process.stdout.write('working\n')
await heartbeat.run(new AbortController().signal)
