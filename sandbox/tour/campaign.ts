import type { Stage } from './stage.ts'
import type { Step } from './step.ts'

const PEOPLE = 1_000
const CHUNK_SIZE = 100

const emailOf = (at: number) => `visitor${at}@example.com`

/** What Marketo asks for by itself, with the flow step that is installed there. */
export const campaigns: readonly Step[] = [
  {
    title: 'A batch campaign of 1,000',
    asked: `flow step, ${PEOPLE / CHUNK_SIZE} chunks`,
    email: emailOf(0),
    answer: `${PEOPLE} created`,
    leads: 1,
    async play(stage) {
      const personIds = Array.from({ length: PEOPLE }, (_, at) =>
        stage.marketo.seed({
          email: emailOf(at),
          firstName: `Visitor ${at}`,
          lastName: 'Ek',
          company: 'Ek AB',
        }),
      )
      const since = stage.watch()
      const startedAt = performance.now()
      const chunks = await stage.campaign({
        ...{ name: 'Spring Fair', type: 'batch', personIds, chunkSize: CHUNK_SIZE },
        attributes: { syncAs: 'lead' },
      })
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
      const callbacks = chunks.flatMap((chunk) => chunk.callbacks)
      const made = since.writes().filter(({ operation, table }) => operation === 'create' && table === 'lead')
      return {
        answer: saidInActivities(stage, personIds),
        told: `${PEOPLE} people in ${seconds} s, from the campaign's start to the last callback.`,
        promises: [
          ['answers to the chunks', statusesOf(chunks), '201'],
          ['callbacks', callbacks.length, chunks.length],
          ['complete callbacks', callbacks.filter(({ complete }) => complete).length, chunks.length],
          ['leads made', made.length, PEOPLE],
          ['people with a lead', new Set(made.map(({ columns }) => columns.emailaddress1)).size, PEOPLE],
        ],
      }
    },
  },
]

function statusesOf(chunks: readonly { status: number }[]): string {
  return [...new Set(chunks.map(({ status }) => status))].join(', ')
}

/** Outcomes in the activities of these people, counted: `998 created, 2 failed`. */
function saidInActivities({ marketo }: Stage, personIds: readonly number[]): string {
  const [service] = marketo.flowSteps.services()
  const asked = new Set(personIds)
  const outcomes = marketo
    .log()
    .filter(({ typeId, leadId }) => typeId === service?.activityTypeId && asked.has(leadId))
    .map(({ attributes }) => attributes?.find(({ apiName }) => apiName === 'outcome')?.value)
  const counts = Map.groupBy(outcomes, (outcome) => outcome)
  return [...counts].map(([outcome, { length }]) => `${length} ${outcome}`).join(', ')
}
