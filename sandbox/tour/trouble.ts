import { person, type Step, say } from './step.ts'

const HAL = person(4721, 'Hal')
const IDA = person(4722, 'Ida')
const JAN = person(4723, 'Jan')
const JOE = person(4724, 'Joe')
const KIM = person(4725, 'Kim')
const RETRY_AFTER_SECONDS = 2

/** What campaigns ask for while something breaks. */
export const trouble: readonly Step[] = [
  {
    title: 'A plug-in in Dynamics refuses',
    asked: 'REST',
    email: HAL.email,
    answer: '422 failed: business-rule',
    leads: 0,
    async play(stage) {
      const message = 'ISV code aborted the operation.'
      stage.dataverse.bend({
        operation: 'create',
        how: { kind: 'error', status: 400, code: '0x80040265', message },
      })
      const since = stage.watch()
      const reply = await stage.rest({ person: HAL })
      const { advice } = reply.body
      return {
        answer: say(reply),
        told: String(advice),
        promises: [
          ['creates sent', since.creates().length, 1],
          ['advice', typeof advice, 'string'],
        ],
      }
    },
  },
  {
    title: 'Made, but the answer was lost',
    asked: 'REST',
    email: IDA.email,
    answer: '200 created',
    leads: 1,
    async play(stage) {
      stage.dataverse.bend({ operation: 'create', how: { kind: 'reset-after-commit' } })
      const since = stage.watch()
      const reply = await stage.rest({ person: IDA })
      return {
        answer: say(reply),
        promises: [
          ['first create', since.creates()[0]?.status, 0],
          ['id in the answer', reply.body.recordId, stage.leadsOf(IDA.email)[0]?.id],
        ],
      }
    },
  },
  {
    title: `Dynamics says 429, wait ${RETRY_AFTER_SECONDS} s`,
    asked: 'REST',
    email: JAN.email,
    answer: '202 queued, then created',
    leads: 1,
    async play(stage) {
      const retryAfter = String(RETRY_AFTER_SECONDS)
      stage.dataverse.bend({
        operation: 'create',
        how: { kind: 'throttle', code: '0x80072322', retryAfter },
      })
      const since = stage.watch()
      const reply = await stage.rest({ person: JAN })
      const other = await stage.rest({ person: JOE })
      const answer = `${say(reply)}, then ${await stage.ending(reply)}`
      const [refused] = since.creates()
      const waitEndsAt = (refused?.at ?? Number.NaN) + RETRY_AFTER_SECONDS * 1_000
      const inTime = since.calls().filter(({ at }) => at < waitEndsAt)
      return {
        answer,
        promises: [
          ['first create', refused?.status, 429],
          ['why it is queued', reply.body.code, 'vendor-busy'],
          ['calls before the wait ended: look-up, create', inTime.length, 2],
          ['another person, sent in the wait', await stage.ending(other), 'created'],
        ],
      }
    },
  },
  {
    title: 'Killed (-9) during the create',
    asked: 'REST, again on restart',
    email: KIM.email,
    answer: 'no answer, then created',
    leads: 1,
    async play(stage) {
      const key = { 'idempotency-key': 'tour-kim' }
      stage.dataverse.bend({ operation: 'create', how: { kind: 'hang-after-commit' } })
      const first = stage.rest({ person: KIM }, key).then(say, () => 'no answer')
      const leads = () => stage.leadsOf(KIM.email)
      await stage.until('Dynamics has made the lead', leads, ({ length }) => length > 0)
      await stage.crash()
      const repeated = await stage.rest({ person: KIM }, key)
      const outcome = await stage.ending(repeated)
      return {
        answer: `${await first}, then ${outcome}`,
        promises: [['person again', say(await stage.rest({ person: KIM })), '200 exists']],
      }
    },
  },
]
