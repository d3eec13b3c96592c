import { Type } from 'typebox'
import { WAYS } from './control.ts'
import { Instant, oneOf, Side } from './schemas.ts'

/** What the status endpoint gives. */

const Count = Type.Integer({ minimum: 0 })
const Counts = Type.Object({ new: Count, updated: Count, skipped: Count, failed: Count })
const perRecordType = Type.Object({ lead: Counts, contact: Counts })
const Tally = Type.Object(
  { toDynamics: perRecordType, toMarketo: perRecordType },
  { description: 'Per direction and record type. skipped: examined, nothing to write.' },
)
const Reason = {
  code: Type.Optional(Type.String({ description: 'Stable machine code, see docs/codes.md.' })),
  advice: Type.Optional(Type.String({ description: 'What to do next.' })),
}
const Milliseconds = Type.Integer({ minimum: 0 })

const Stream = Type.Object({
  stream: oneOf([
    ...(['marketo-changes', 'marketo-life', 'marketo-deletions'] as const),
    ...(['dynamics-leads', 'dynamics-contacts', 'activity-log'] as const),
  ]),
  cursor: Type.String({ description: 'A fingerprint: it changes when the cursor moves.' }),
  readToEndAt: Type.Optional(Instant),
  ageMs: Type.Optional(
    Type.Integer({ minimum: 0, description: 'Time since the stream was last read to its end.' }),
  ),
  behind: Type.Boolean({ description: 'There are more pages.' }),
  lagMs: Type.Optional(
    Type.Integer({
      minimum: 0,
      description:
        'In milliseconds: 0 if the last read reached the end of the stream (ageMs is the time since then), otherwise the time since a read last reached the end, which is the longest that an unread change may have waited. Absent if no read has reached the end yet.',
    }),
  ),
  ...Reason,
})

const Cycle = Type.Object({
  startedAt: Instant,
  tookMs: Milliseconds,
  result: oneOf(['done', 'partial', 'failed'], {
    description: 'partial: something could not be read or written, and the cycle continued without it.',
  }),
  ...Reason,
  counts: Tally,
})

const quota = { calls: Count, throttled: Count, pausedForMs: Milliseconds }

const QUIET = { new: 0, updated: 0, skipped: 0, failed: 0 }
const COUNTS_EXAMPLE = Object.fromEntries(
  WAYS.map((way) => [way, { lead: { ...QUIET, updated: 12, skipped: 3 }, contact: QUIET }]),
)

export const SyncStatusAnswer = Type.Object(
  {
    state: oneOf(['running', 'paused', 'blocked', 'off']),
    blocked: Type.Optional(
      Type.Object(
        { code: Type.String(), advice: Type.String() },
        { description: 'Why no cycle runs, when it is blocked or off.' },
      ),
    ),
    paused: Type.Boolean(),
    intervalSeconds: Type.Integer(),
    lastCycle: Type.Optional(Cycle),
    nextCycleAt: Type.Optional(Instant),
    leader: Type.Optional(
      Type.Object(
        { replica: Type.String({ description: 'Changes with each start of the process.' }), since: Instant },
        { description: 'The replica that runs the cycles, and since when. Absent while there is none.' },
      ),
    ),
    totals: Type.Optional(
      Type.Object({ since: Instant, counts: Tally }, { description: 'When it became the leader.' }),
    ),
    streams: Type.Array(Stream),
    backlog: Type.Object({
      live: Type.Integer({ description: 'Changed records that have not been processed.' }),
      initial: Type.Integer({ description: 'Records of the initial sync that have not been processed.' }),
      oldestChangeAt: Type.Optional(Instant),
      lagMs: Type.Optional(
        Type.Integer({
          minimum: 0,
          description:
            'Age in milliseconds of the oldest change that has not been processed, live or initial. Absent if there is none.',
        }),
      ),
    }),
    links: Type.Record(Type.String(), Type.Integer(), { description: 'Links by state.' }),
    openFailures: Type.Integer(),
    waiting: Type.Array(
      Type.Object({
        code: Type.String({ description: 'What they wait for: stable machine code, see docs/codes.md.' }),
        requests: Type.Integer({ description: 'Requests without an outcome.' }),
        oldestAt: Type.Intersect([Instant], { description: 'When the first of them was accepted.' }),
        ageMs: Type.Integer({ minimum: 0, description: 'Since then, in milliseconds.' }),
      }),
      {
        description:
          'Requests of campaigns that have no outcome yet (queued), by what they wait for. Present also while the background sync is off.',
      },
    ),
    faults: Type.Optional(
      Type.Array(Type.Object({ side: Side, code: Type.String(), advice: Type.String() }), {
        description:
          'Faults of the set-up that are not fixed: each stays until the affected operation succeeds, or until no request waits for it. Also open failures without ids.',
      }),
    ),
    initialSync: Type.Optional(
      Type.Object({
        state: oneOf(['waiting', 'reading', 'loading', 'done'], {
          description:
            'waiting: not started · reading: a table is read from its beginning, the first time or again · loading: all rows are read, and some have not been tried · done: each has been tried.',
        }),
        rowsRead: Type.Integer({
          minimum: 0,
          description: 'Rows returned by the current or the last full read of both tables.',
        }),
        left: Type.Integer({
          minimum: 0,
          description:
            'Records that were read and not yet tried. One that was refused is a failure (GET /v1/sync/failures) and is tried again.',
        }),
        startedAt: Type.Optional(
          Type.Intersect([Instant], { description: 'When that read of the first table started.' }),
        ),
      }),
    ),
    calls: Type.Object(
      {
        dynamics: Type.Object(quota),
        marketo: Type.Optional(Type.Object({ ...quota, callsToday: Count, dailyCallsMax: Type.Integer() })),
      },
      {
        description:
          'Calls of the replica that answers, since its start. callsToday counts since midnight US Central.',
      },
    ),
  },
  {
    $id: 'SyncStatus',
    examples: [
      {
        state: 'running',
        paused: false,
        intervalSeconds: 60,
        lastCycle: {
          startedAt: '2026-03-02T08:15:30.000Z',
          tookMs: 840,
          result: 'done',
          counts: COUNTS_EXAMPLE,
        },
        nextCycleAt: '2026-03-02T08:16:30.000Z',
        leader: { replica: '0d2f4c1e-6c0b-4a57-8f0e-3f5a1c9b7d21', since: '2026-03-01T06:00:00.000Z' },
        totals: { since: '2026-03-01T06:00:00.000Z', counts: COUNTS_EXAMPLE },
        streams: [
          {
            stream: 'dynamics-leads',
            cursor: '5f1d3a9c20be',
            readToEndAt: '2026-03-02T08:15:30.400Z',
            ageMs: 12_000,
            behind: false,
            lagMs: 0,
          },
        ],
        backlog: { live: 0, initial: 0 },
        links: { linked: 20_417, tombstoned: 12 },
        openFailures: 1,
        waiting: [
          {
            code: 'entra-secret-expired',
            requests: 12,
            oldestAt: '2026-03-02T08:01:30.000Z',
            ageMs: 840_000,
          },
        ],
        faults: [],
        initialSync: {
          state: 'done',
          rowsRead: 20_398,
          left: 0,
          startedAt: '2026-03-01T06:00:05.000Z',
        },
        calls: {
          dynamics: { calls: 5120, throttled: 0, pausedForMs: 0 },
          marketo: { calls: 2610, throttled: 0, pausedForMs: 0, callsToday: 980, dailyCallsMax: 25_000 },
        },
      },
    ],
  },
)
