import type { Stage } from './stage.ts'
import { person, type Step } from './step.ts'

const LEA = person(0, 'Lea')
const MIO = person(0, 'Mio')
const NIA = person(0, 'Nia')
const OVE = person(0, 'Ove')
const PIA = person(0, 'Pia')
const TITLE_MAX = 100

/** A person in Marketo whom a campaign has sent; both ids. */
async function pairOf(stage: Stage, { marketoId: _, ...known }: typeof LEA) {
  const marketoId = stage.marketo.seed(known)
  const { body } = await stage.rest({ person: { ...known, marketoId } })
  await stage.cycle()
  return { marketoId, recordId: String(body.recordId) }
}

function peopleOf(stage: Stage, email: string) {
  return stage.marketo.people().filter((one) => one.email === email)
}

async function findings(stage: Stage, endpoint: 'conflicts' | 'failures', recordId: string) {
  const listed: unknown = (await stage.sync('GET', endpoint))[endpoint]
  return Array.isArray(listed) ? listed.map(Object).filter((one) => one.recordId === recordId) : []
}

/** What the background sync does while both sides are at work. */
export const bothSides: readonly Step[] = [
  {
    title: 'A change on either side',
    asked: 'edits here and there',
    email: LEA.email,
    answer: 'both arrived',
    leads: 1,
    async play(stage) {
      const { marketoId, recordId } = await pairOf(stage, LEA)
      stage.marketo.update(marketoId, { city: 'Lund' })
      stage.dataverse.update('lead', recordId, { jobtitle: 'Buyer' })
      const since = stage.watch()
      await stage.cycle()
      await stage.cycle()
      const arrived = [
        stage.dataverse.row('lead', recordId)?.address1_city,
        stage.marketo.person(marketoId)?.title,
      ]
      return {
        answer: arrived.every((value) => value !== undefined) ? 'both arrived' : 'lost',
        promises: [
          ['values', arrived, ['Lund', 'Buyer']],
          ['writes to Dynamics', since.writes().length, 1],
        ],
      }
    },
  },
  {
    title: 'One field, changed on both',
    asked: 'edits here and there',
    email: MIO.email,
    answer: 'marketo wins the lead',
    leads: 1,
    async play(stage) {
      const { marketoId, recordId } = await pairOf(stage, MIO)
      stage.marketo.update(marketoId, { city: 'Lund' })
      stage.dataverse.update('lead', recordId, { address1_city: 'Visby' })
      await stage.cycle()
      const [conflict = {}, ...more] = await findings(stage, 'conflicts', recordId)
      return {
        answer: `${conflict.winner} wins the lead`,
        promises: [
          ['city in Dynamics', stage.dataverse.row('lead', recordId)?.address1_city, 'Lund'],
          ['field in the conflict log', conflict.field, 'city'],
          ['other conflicts', more.length, 0],
        ],
      }
    },
  },
  {
    title: "Sales' lead, then deleted",
    asked: 'entered in Dynamics',
    email: NIA.email,
    answer: 'in Marketo, then flagged',
    leads: 1,
    async play(stage) {
      const columns = { subject: 'Fair', lastname: NIA.lastName, emailaddress1: NIA.email }
      const id = stage.dataverse.seed('lead', columns)
      await stage.cycle()
      const [made, ...more] = peopleOf(stage, NIA.email)
      stage.dataverse.remove('lead', id)
      await stage.cycle()
      const [left] = peopleOf(stage, NIA.email)
      const flagged = left?.microsoftIsDeleted === true
      return {
        answer: `${made ? 'in Marketo' : 'nowhere'}, then ${flagged ? 'flagged' : 'not flagged'}`,
        promises: [
          ['record named in Marketo', made?.microsoftRecordId, id],
          ['people too many', more.length, 0],
        ],
      }
    },
  },
  {
    title: 'A value that does not fit',
    asked: 'edit here, correct it',
    email: OVE.email,
    answer: 'field-too-long, then none',
    leads: 1,
    async play(stage) {
      const { marketoId, recordId } = await pairOf(stage, OVE)
      stage.marketo.update(marketoId, { title: 'x'.repeat(TITLE_MAX + 1), city: 'Lund' })
      await stage.cycle()
      const [failure = {}] = await findings(stage, 'failures', recordId)
      const other = stage.dataverse.row('lead', recordId)?.address1_city
      stage.marketo.update(marketoId, { title: 'Buyer' })
      await stage.sync('POST', `failures/${failure.failureId}/retry`)
      await stage.cycle()
      const open = await findings(stage, 'failures', recordId)
      return {
        answer: `${failure.code}, then ${open.length === 0 ? 'none' : 'still'}`,
        told: `${failure.field}: ${failure.advice}`,
        promises: [
          ['other field of the same edit', other, 'Lund'],
          ['corrected value', stage.dataverse.row('lead', recordId)?.jobtitle, 'Buyer'],
        ],
      }
    },
  },
  {
    title: 'Paused, killed (-9), resumed',
    asked: 'edit in the pause',
    email: PIA.email,
    answer: 'queued, then arrived',
    leads: 1,
    async play(stage) {
      const { marketoId, recordId } = await pairOf(stage, PIA)
      const cityThere = () => stage.dataverse.row('lead', recordId)?.address1_city
      await stage.sync('POST', 'pause')
      stage.marketo.update(marketoId, { city: 'Lund' })
      await stage.crash()
      await stage.firstCycle()
      const early = cityThere()
      const { state, backlog } = await stage.sync('GET', 'status')
      await stage.cycle()
      return {
        answer: `${early === undefined ? 'queued' : 'not queued'}, then ${cityThere() === 'Lund' ? 'arrived' : 'lost'}`,
        promises: [
          ['state after the kill', state, 'paused'],
          ['changes in the queue', Object(backlog).live, 1],
        ],
      }
    },
  },
  {
    title: 'A cycle with nothing to do',
    asked: 'nothing',
    email: LEA.email,
    answer: 'nothing written',
    leads: 1,
    async play(stage) {
      await stage.cycle()
      const since = stage.watch()
      const [calls, log] = [stage.marketo.calls.length, stage.marketo.log().length]
      await stage.cycle()
      const written = since.writes().length + stage.marketo.log().length - log
      const asked = stage.marketo.calls.length - calls
      return {
        answer: written === 0 ? 'nothing written' : `${written} written`,
        told: `calls of this cycle: ${asked} to Marketo, ${since.calls().length} to Dynamics`,
        promises: [
          ['calls to Marketo', asked, 1],
          ['calls to Dynamics', since.calls().length, 2],
        ],
      }
    },
  },
]
