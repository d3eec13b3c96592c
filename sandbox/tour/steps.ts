import { person, type Step, say } from './step.ts'

const ANN = person(4711, 'Ann')
const BO = person(4712, 'Bo')
const CIA = person(4713, 'Cia')
/** What the webhook's texts become in Dynamics. */
const CIA_COLUMNS = { revenue: 1200.5, donotbulkemail: true, telephone1: undefined }
const { lastName: _, ...DAN } = person(4714, 'Dan')
const EVA = person(4715, 'Eva')
const FAY = person(4716, 'Fay')
const GUS = person(4717, 'Gus')
const HUGO = person(4718, 'Hugo')
const TWINS = 50

/** What campaigns ask for while Dynamics behaves. */
export const everyday: readonly Step[] = [
  {
    title: 'A new person',
    asked: 'REST',
    email: ANN.email,
    answer: '200 created',
    leads: 1,
    async play(stage) {
      const since = stage.watch()
      const reply = await stage.rest({ person: ANN })
      return {
        answer: say(reply),
        promises: [
          ['creates sent', since.creates().length, 1],
          ['id in the answer', reply.body.recordId, stage.leadsOf(ANN.email)[0]?.id],
        ],
      }
    },
  },
  {
    title: 'The same person again',
    asked: 'REST',
    email: ANN.email,
    answer: '200 exists',
    leads: 1,
    async play(stage) {
      const since = stage.watch()
      const reply = await stage.rest({ person: { ...ANN, firstName: 'Anna' } })
      return {
        answer: say(reply),
        promises: [
          ['calls to Dynamics', since.calls().length, 0],
          ['id in the answer', reply.body.recordId, stage.leadsOf(ANN.email)[0]?.id],
        ],
      }
    },
  },
  {
    title: 'Already entered by sales',
    asked: 'REST',
    email: BO.email,
    answer: '200 exists',
    leads: 1,
    async play(stage) {
      const id = stage.dataverse.seed('lead', { lastname: 'Ek', emailaddress1: BO.email })
      const since = stage.watch()
      const reply = await stage.rest({ person: BO })
      return {
        answer: say(reply),
        promises: [
          ['id in the answer', reply.body.recordId, id],
          ['writes', since.writes().length, 0],
        ],
      }
    },
  },
  {
    title: 'An id alone, then the e-mail',
    asked: 'REST, two campaigns',
    email: HUGO.email,
    answer: '200 created, then exists',
    leads: 1,
    async play(stage) {
      const { marketoId: _id, ...known } = HUGO
      const marketoId = stage.marketo.seed(known)
      const asked = stage.marketo.calls.length
      const byId = await stage.rest({ person: { marketoId } })
      const byEmail = await stage.rest({ person: { email: HUGO.email, lastName: HUGO.lastName } })
      const questions = stage.marketo.calls.slice(asked).filter(({ operation }) => operation === 'leads')
      return {
        answer: `${say(byId)}, then ${byEmail.body.outcome}`,
        promises: [
          ['questions to Marketo', questions.length, 1],
          ['id in the second answer', byEmail.body.recordId, byId.body.recordId],
        ],
      }
    },
  },
  {
    title: 'A webhook as Marketo sends it',
    asked: 'webhook, empty tokens',
    email: CIA.email,
    answer: '200 created',
    leads: 1,
    async play(stage) {
      const payload = {
        ...CIA,
        marketoId: String(CIA.marketoId),
        phone: '',
        annualRevenue: '1200.5',
        unsubscribed: '1',
        campaignId: '2044',
        campaignName: '',
      }
      const answer = say(await stage.webhook(JSON.stringify(payload)))
      const { revenue, donotbulkemail, telephone1 } = stage.leadsOf(CIA.email)[0]?.columns ?? {}
      return {
        answer,
        promises: [['columns written', { revenue, donotbulkemail, telephone1 }, CIA_COLUMNS]],
      }
    },
  },
  {
    title: 'A required field is empty',
    asked: 'REST, no last name',
    email: DAN.email,
    answer: '422 failed: field-required',
    leads: 0,
    async play(stage) {
      const since = stage.watch()
      const reply = await stage.rest({ person: DAN })
      const { field, advice } = reply.body
      return {
        answer: say(reply),
        told: `${field}: ${advice}`,
        promises: [
          ['creates sent', since.creates().length, 0],
          ['field', field, 'lastname'],
          ['advice', typeof advice, 'string'],
        ],
      }
    },
  },
  {
    title: 'One person, many triggers',
    asked: `REST, ${TWINS} calls at once`,
    email: EVA.email,
    answer: `1 created, ${TWINS - 1} exists`,
    leads: 1,
    async play(stage) {
      const since = stage.watch()
      const replies = await Promise.all(Array.from({ length: TWINS }, () => stage.rest({ person: EVA })))
      const count = (outcome: string) => replies.filter(({ body }) => body.outcome === outcome).length
      return {
        answer: `${count('created')} created, ${count('exists')} exists`,
        promises: [
          ['creates sent', since.creates().length, 1],
          ['ids in the answers', new Set(replies.map(({ body }) => body.recordId)).size, 1],
        ],
      }
    },
  },
  {
    title: 'One of a batch campaign',
    asked: 'REST, type: batch',
    email: FAY.email,
    answer: '202 queued, then created',
    leads: 1,
    async play(stage) {
      const campaign = { id: 2044, name: 'Spring Fair', type: 'batch' }
      const reply = await stage.rest({ person: FAY, campaign })
      return {
        answer: `${say(reply)}, then ${await stage.ending(reply)}`,
        promises: [['why it is queued', reply.body.code, 'in-progress']],
      }
    },
  },
  {
    title: 'A call repeated word for word',
    asked: 'REST, Idempotency-Key',
    email: GUS.email,
    answer: '200 created, same bytes',
    leads: 1,
    async play(stage) {
      const key = { 'idempotency-key': 'tour-gus' }
      const first = await stage.rest({ person: GUS }, key)
      const since = stage.watch()
      const again = await stage.rest({ person: GUS }, key)
      const isSame = again.status === first.status && again.text === first.text
      return {
        answer: `${say(first)}, ${isSame ? 'same bytes' : say(again)}`,
        promises: [['calls to Dynamics for the second', since.calls().length, 0]],
      }
    },
  },
]
