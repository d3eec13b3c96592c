import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setInterval } from 'node:timers/promises'
import { serviceDefinition } from '../../src/flow-step/service-definition.ts'
import { chunkIdOf } from '../../src/flow-step/work.ts'
import { defaultSelection } from '../../src/person/selection.ts'
import { CallbackReceiver } from './callback-receiver.ts'
import { created, leads, type Rig, type Settings, startRig } from './rig.ts'

const TRIGGER = { id: 2044, name: 'Spring Fair', type: 'trigger' }
const BATCH = { id: 2045, name: 'Clean-up', type: 'batch' }

interface Stage extends AsyncDisposable {
  rig: Rig
  receiver: CallbackReceiver
  submit(token: string, people: readonly object[], campaign?: object): ReturnType<Rig['request']>
}

async function stage(settings: Settings = {}): Promise<Stage> {
  const receiver = await CallbackReceiver.listen()
  const rig = await startRig(settings)
  return {
    rig,
    receiver,
    submit: (token, people, campaign = TRIGGER) =>
      rig.request('POST', '/flow-step/submitAsyncAction', {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          token,
          apiCallBackKey: `key-of-${token}`,
          callbackUrl: receiver.url,
          campaignId: 2044,
          context: {
            subscription: { munchkinId: '997-SBX-001' },
            campaign,
            program: { id: 1007, name: 'Fairs' },
          },
          objectData: people,
        }),
      }),
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]()
      await receiver[Symbol.asyncDispose]()
    },
  }
}

const person = (id: number, more: object = {}, flow: object = {}) => ({
  objectType: 'lead',
  objectContext: {
    id,
    email: `person.${id}@example.com`,
    firstName: 'Ann',
    lastName: `Ek ${id}`,
    company: 'Ek AB',
    ...more,
  },
  flowStepContext: flow,
  triggeringContext: { name: 'Contact us', triggerName: 'Fills Out Form' },
})

async function failedChunk(rig: Rig) {
  for await (const _ of setInterval(20, undefined, { signal: AbortSignal.timeout(10_000) })) {
    const { body, text } = await rig.request('GET', '/v1/flow-steps?state=failed')
    const [chunk] = body.chunks as Record<string, unknown>[]
    if (chunk) return { chunk, text, counts: body.counts }
  }
  throw new Error('An interval does not end')
}

test('people of a chunk become records, and Marketo is told of each of them once', async () => {
  await using stage_ = await stage()
  const { rig, receiver, submit } = stage_
  rig.sandbox.dataverse.seed('lead', { lastname: 'Ek 2', emailaddress1: 'person.2@example.com' })
  const answer = await submit('t-1', [
    person(1),
    person(2),
    person(3, { company: '', lastName: '' }),
    { ...person(4), objectType: 'company' },
    person(5, {}, { syncAs: 'contact' }),
  ])
  assert.equal(answer.status, 201)

  const { munchkinId, objectData } = await receiver.takenFor('t-1')
  assert.equal(munchkinId, '997-SBX-001')
  assert.deepEqual(
    objectData.map(({ leadData, activityData }) => [leadData.id, activityData.success, activityData.outcome]),
    [
      [1, true, 'created'],
      [2, true, 'exists'],
      [3, false, 'failed'],
      [4, false, 'failed'],
      [5, true, 'created'],
    ],
  )
  const [first, , third, fourth, fifth] = objectData
  const [row] = leads(rig).filter(({ lastname }) => lastname === 'Ek 1')
  assert.deepEqual(first?.leadData, { id: 1, microsoftRecordId: row?.leadid, microsoftType: 'Lead' })
  assert.deepEqual(first?.activityData, {
    success: true,
    outcome: 'created',
    recordType: 'lead',
    recordId: row?.leadid,
  })
  assert.equal(fifth?.activityData.recordType, 'contact')
  assert.deepEqual(third?.leadData, { id: 3 })
  assert.equal(third?.activityData.errorCode, 'field-required')
  assert.equal(third?.activityData.code, 'field-required')
  assert.match(String(third?.activityData.reason), /lastname/)
  assert.equal(fourth?.activityData.errorCode, 'object-type-unknown')

  const [{ key = '' } = {}] = receiver.received
  assert.equal(key, 'key-of-t-1')
  assert.equal(receiver.received.length, 1)
})

test('the callback names nothing that the service definition does not', async () => {
  await using stage_ = await stage()
  await stage_.submit('t-1', [person(1), person(2, { company: '' })])
  const { objectData } = await stage_.receiver.takenFor('t-1')
  const { callbackPayloadDef } = serviceDefinition(defaultSelection())
  const attributes = callbackPayloadDef.attributes.map(({ apiName }) => apiName)
  const fields = callbackPayloadDef.fields.map(({ serviceAttribute }) => String(serviceAttribute))
  const known = new Set(['success', 'reason', 'errorCode', ...attributes])
  for (const { leadData, activityData } of objectData) {
    assert.deepEqual(
      Object.keys(activityData).filter((name) => !known.has(name)),
      [],
    )
    assert.deepEqual(
      Object.keys(leadData).filter((name) => name !== 'id' && !fields.includes(name)),
      [],
    )
    assert.doesNotMatch(JSON.stringify([leadData, activityData]), /null/)
  }
})

test('a chunk that comes again is done once and answered once', async () => {
  await using stage_ = await stage()
  const { rig, receiver, submit } = stage_
  await Promise.all([submit('t-1', [person(1)]), submit('t-1', [person(1)])])
  await receiver.takenFor('t-1')
  const again = await submit('t-1', [person(1)])
  assert.deepEqual([again.status, again.body.status], [201, 'seen'])
  assert.equal(created(rig).length, 1)
  assert.equal(receiver.received.length, 1)
})

test("a person's log names the flow step's campaign, program and trigger", async () => {
  await using stage_ = await stage()
  const { rig, receiver, submit } = stage_
  await submit('t-1', [person(1)])
  await receiver.takenFor('t-1')
  const { body } = await rig.request('GET', '/v1/people/1/activities')
  const [entry] = body.activities as Record<string, unknown>[]
  assert.equal(entry?.source, 'flow-step')
  assert.equal(entry?.outcome, 'created')
  assert.deepEqual(entry?.campaign, {
    id: '2044',
    name: 'Spring Fair',
    type: 'trigger',
    program: { id: '1007', name: 'Fairs' },
    trigger: 'Fills Out Form',
  })
})

test('who is not final at the deadline is answered with queued, and made later all the same', async () => {
  await using stage_ = await stage({ FLOW_STEP_DEADLINE_SECONDS: '1', DATAVERSE_CALL_TIMEOUT_MS: '2000' })
  const { rig, receiver, submit } = stage_
  rig.sandbox.dataverse.bend({ operation: 'create', how: { kind: 'hang-after-commit' } })
  await submit('t-1', [person(1)])
  const { objectData } = await receiver.takenFor('t-1')
  const [{ leadData, activityData } = { leadData: {}, activityData: {} }] = objectData
  assert.deepEqual(leadData, { id: 1 })
  assert.deepEqual([activityData.success, activityData.outcome], [true, 'queued'])
  const { body } = await rig.request('GET', '/v1/people/1/activities')
  const [{ requestId } = {}] = body.activities as Record<string, unknown>[]
  assert.equal((await rig.outcomeOf(requestId)).outcome, 'created')
  assert.equal(created(rig).length, 1)
  assert.equal(receiver.received.length, 1)
})

test('a callback that Marketo does not take at once is sent again, with the same bytes', async () => {
  await using stage_ = await stage()
  const { receiver, submit } = stage_
  receiver.answers = [503, 0]
  await submit('t-1', [person(1)])
  await receiver.takenFor('t-1', 20_000)
  assert.deepEqual(
    receiver.received.map(({ status }) => status),
    [503, 0, 202],
  )
  assert.equal(new Set(receiver.received.map(({ body }) => body)).size, 1)
})

test('a refused callback is kept for an operator, who sends it again; no token is shown', async () => {
  await using stage_ = await stage()
  const { rig, receiver, submit } = stage_
  receiver.answers = [403]
  await submit('t-secret', [person(1)])
  const { chunk, text, counts } = await failedChunk(rig)
  assert.equal(chunk.chunkId, chunkIdOf({ caller: 'journeys', munchkinId: '997-SBX-001', token: 't-secret' }))
  assert.deepEqual([chunk.reason, chunk.callbacks, chunk.people], ['http-403', 1, 1])
  assert.deepEqual(chunk.outcomes, { created: 1, exists: 0, queued: 0, failed: 0 })
  assert.deepEqual(counts, { stored: 0, working: 0, answering: 0, done: 0, failed: 1 })
  assert.doesNotMatch(text, /t-secret|key-of/)

  const sent = await rig.request('POST', `/v1/flow-steps/${chunk.chunkId}/resend`)
  assert.equal(sent.status, 202)
  await receiver.takenFor('t-secret')
  assert.equal(new Set(receiver.received.map(({ body }) => body)).size, 1)
  const second = await rig.request('POST', `/v1/flow-steps/${'0'.repeat(32)}/resend`)
  assert.deepEqual([second.status, second.body.code], [404, 'unknown-chunk'])
  assert.doesNotMatch(rig.log.join(''), /t-secret|key-of|person\.1@/)
})

test('a try whose answer was lost and a token that is then unknown end as failed, for an operator to see', async () => {
  await using stage_ = await stage()
  const { rig, receiver, submit } = stage_
  receiver.cutsAfterTaking = 1
  await submit('t-1', [person(1)])
  const { chunk } = await failedChunk(rig)
  assert.equal(chunk.reason, 'http-404')
  assert.match(String(chunk.advice), /may have accepted an earlier attempt/)
  assert.deepEqual(
    receiver.received.map(({ status }) => status),
    [202, 404],
  )
})

test('a chunk that was stored before a stop is answered after the next start', async () => {
  await using stage_ = await stage()
  const { rig, receiver, submit } = stage_
  await submit('t-1', [person(1), person(2)], BATCH)
  await rig.restart()
  const { objectData } = await receiver.takenFor('t-1')
  assert.deepEqual(
    objectData.map(({ activityData }) => activityData.outcome),
    ['created', 'created'],
  )
  assert.equal(created(rig).length, 2)
})

test('an empty chunk is answered too', async () => {
  await using stage_ = await stage()
  await stage_.submit('t-1', [])
  assert.deepEqual((await stage_.receiver.takenFor('t-1')).objectData, [])
})

test('an e-mail that the chunk says is empty is not asked for, one that it leaves out is', async () => {
  await using stage_ = await stage()
  const { rig, receiver, submit } = stage_
  const { marketo } = rig.sandbox
  for (const nullTextIsEmpty of ['on', 'off']) {
    await rig.restart({ ...rig.sandbox.marketoEnvironment(), TREAT_NULL_TEXT_AS_EMPTY: nullTextIsEmpty })
    const [absent = 0, nulled = 0, blank = 0, text = 0] = [1, 2, 3, 4].map((index) =>
      marketo.seed({ email: `said.${nullTextIsEmpty}.${index}@example.com`, lastName: `Ek ${index}` }),
    )
    const token = `t-empties-${nullTextIsEmpty}`
    await submit(token, [
      withoutEmail(absent),
      person(nulled, { email: null }),
      person(blank, { email: '' }),
      person(text, { email: 'null', firstName: 'null' }),
    ])
    const { objectData } = await receiver.takenFor(token)
    const rows = objectData.map(({ leadData }) =>
      leads(rig).find(({ leadid }) => leadid === leadData.microsoftRecordId),
    )
    const off = nullTextIsEmpty === 'off'
    assert.deepEqual(
      rows.map((row) => row && [row.emailaddress1 ?? null, row.firstname ?? null]),
      [
        [`said.${nullTextIsEmpty}.1@example.com`, 'Ann'],
        [null, 'Ann'],
        [null, 'Ann'],
        off ? undefined : [null, null],
      ],
    )
    if (off) assert.equal(objectData[3]?.activityData.code, 'format-invalid')
  }
})

test('a chunk of people without e-mail costs one question per 300, not one per person', async () => {
  await using stage_ = await stage()
  const { rig, receiver, submit } = stage_
  const { marketo } = rig.sandbox
  await rig.restart(rig.sandbox.marketoEnvironment())
  const count = Number(process.env.PEOPLE_WITHOUT_EMAIL ?? 650)
  const ids = Array.from({ length: count }, (_, index) =>
    marketo.seed({ email: `without.${index}@example.com`, lastName: `Ek ${index}` }),
  )
  const answer = await submit('t-without', ids.map(withoutEmail), BATCH)
  assert.equal(answer.status, 201)
  const { objectData } = await receiver.takenFor('t-without', 400_000)
  assert.deepEqual([...new Set(objectData.map(({ activityData }) => activityData.outcome))], ['created'])
  const emails = new Set(leads(rig).map(({ emailaddress1 }) => emailaddress1))
  assert.equal(emails.size, count)
  const questions = marketo.calls.filter(({ operation }) => operation === 'leads').length
  // Those that are refused for fields which Marketo does not have yet, and those that are not full.
  assert(questions <= Math.ceil(count / 300) + 5, `${questions} questions`)
  // All who shared the refused call draw the same conclusion from it: no other field is given up.
  assert(!rig.log.some((line) => line.includes('marketo-fields-refused')))
})

function withoutEmail(id: number) {
  const { email, ...objectContext } = person(id).objectContext
  return { ...person(id), objectContext, triggeringContext: {} }
}
