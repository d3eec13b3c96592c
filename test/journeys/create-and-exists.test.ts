import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { created, leads, REST, startRig } from './rig.ts'

const ANN = { marketoId: 4711, email: 'ann@example.com', firstName: 'Ann', lastName: 'Ek', company: 'Ek AB' }

describe('a campaign sends a person', () => {
  it('who is new: the lead is created with the mapped fields, in two calls', async () => {
    await using rig = await startRig()
    let reply = await rig.sync({ marketoId: 1, lastName: 'Warm up' })
    const calls = await rig.callsDuring(async () => {
      reply = await rig.sync({ ...ANN, annualRevenue: '1200.5', unsubscribed: 'true', leadSource: 'Web' })
    })
    assert.deepEqual(
      calls.map(({ method, path }) => `${method} ${path.split('?')[0]?.split('/').pop()}`),
      ['POST $batch', 'POST leads'],
    )
    const { outcome, recordType, recordId, recordUrl, requestId } = reply.body
    assert.deepEqual([reply.status, outcome, recordType], [200, 'created', 'lead'])
    assert.equal(
      recordUrl,
      `${rig.sandbox.dataverse.url}/main.aspx?pagetype=entityrecord&etn=lead&id=${recordId}`,
    )
    assert.equal(reply.headers.get('x-request-id'), requestId)
    const row = rig.sandbox.dataverse.row('lead', String(recordId))
    const {
      firstname,
      lastname,
      companyname,
      emailaddress1,
      subject,
      revenue,
      donotbulkemail,
      leadsourcecode,
    } = row ?? {}
    assert.deepEqual(
      { firstname, lastname, companyname, emailaddress1, subject, revenue, donotbulkemail, leadsourcecode },
      {
        firstname: 'Ann',
        lastname: 'Ek',
        companyname: 'Ek AB',
        emailaddress1: 'ann@example.com',
        subject: 'From Marketo',
        revenue: 1200.5,
        donotbulkemail: true,
        leadsourcecode: 8,
      },
    )
  })

  it('who is linked: exists, without a call, and nothing is written whatever has changed', async () => {
    await using rig = await startRig()
    const { recordId } = (await rig.sync(ANN)).body
    const commits = rig.sandbox.dataverse.commits.length
    const calls = await rig.callsDuring(async () => {
      const body = {
        person: { ...ANN, firstName: 'Anna' },
        assignTo: 'mia.manager@contoso.example',
        syncAs: 'contact',
      }
      const again = await rig.sync(body)
      assert.deepEqual([again.status, again.body.outcome, again.body.recordId], [200, 'exists', recordId])
    })
    assert.deepEqual(calls, [])
    assert.equal(rig.sandbox.dataverse.commits.length, commits)
  })

  it('who is linked, when nothing is taken on trust: exists, after one read', async () => {
    await using rig = await startRig({ LINK_TRUST_SECONDS: '0' })
    await rig.sync(ANN)
    const calls = await rig.callsDuring(async () => {
      assert.equal((await rig.sync(ANN)).body.outcome, 'exists')
    })
    assert.deepEqual(
      calls.map(({ method, status }) => [method, status]),
      [['GET', 200]],
    )
  })

  it('whose record sales deleted: a new one is made under another id, and once only (E8)', async () => {
    await using rig = await startRig({ LINK_TRUST_SECONDS: '0' })
    const first = (await rig.sync(ANN)).body
    rig.sandbox.dataverse.remove('lead', String(first.recordId))
    const second = (await rig.sync(ANN)).body
    const third = (await rig.sync(ANN)).body
    assert.deepEqual([second.outcome, third.outcome], ['created', 'exists'])
    assert.notEqual(second.recordId, first.recordId)
    assert.equal(third.recordId, second.recordId)
    assert.equal((await rig.request('GET', '/v1/people/4711')).body.generation, 1)
  })

  it('as contact: a contact without account', async () => {
    await using rig = await startRig()
    const { body } = await rig.sync({ person: ANN, syncAs: 'Contact' })
    assert.deepEqual([body.outcome, body.recordType], ['created', 'contact'])
    const row = rig.sandbox.dataverse.row('contact', String(body.recordId))
    assert.deepEqual([row?.lastname, row?._parentcustomerid_value ?? null], ['Ek', null])
  })

  it('from a batch campaign: queued at once, created soon, both in the log', async () => {
    await using rig = await startRig()
    const campaign = { id: 2044, name: 'Spring Fair', type: 'batch' }
    const reply = await rig.sync({ person: ANN, campaign })
    assert.deepEqual([reply.status, reply.body.outcome], [202, 'queued'])
    assert.equal(reply.headers.get('location'), `/v1/requests/${reply.body.requestId}`)
    const ended = await rig.outcomeOf(reply.body.requestId)
    assert.equal(ended.outcome, 'created')
    const { body } = await rig.request('GET', '/v1/people/4711/activities')
    assert.ok(Array.isArray(body.activities))
    assert.deepEqual(
      body.activities.map((entry) => [entry.outcome, entry.campaign]),
      [
        ['created', { ...campaign, id: '2044' }],
        ['queued', { ...campaign, id: '2044' }],
      ],
    )
  })

  it('with an e-mail that another person has: the record is shared and the log of each is their own', async () => {
    await using rig = await startRig()
    const first = (await rig.sync(ANN)).body
    const second = (await rig.sync({ ...ANN, marketoId: 4712 })).body
    const byIdAlone = (await rig.sync({ marketoId: 4712 })).body
    assert.deepEqual(
      [second.outcome, second.recordId, byIdAlone.recordId],
      ['exists', first.recordId, first.recordId],
    )
    assert.deepEqual((await rig.request('GET', '/v1/people/4711')).body.sharedWith, [4712])
    const { activities } = (await rig.request('GET', '/v1/people/4712/activities')).body
    assert.ok(Array.isArray(activities))
    assert.equal(activities.length, 2)
    assert.equal(leads(rig).length, 1)
  })

  it('fifty times at once: one look-up, one create, one created, forty-nine exists (E5)', async () => {
    await using rig = await startRig({}, { replyDelayMs: 20 })
    await rig.sync({ marketoId: 1, lastName: 'Warm up' })
    const calls = await rig.callsDuring(async () => {
      const replies = await Promise.all(Array.from({ length: 50 }, () => rig.sync(ANN)))
      const outcomes = replies.map(({ body }) => body.outcome).sort()
      assert.deepEqual(outcomes, ['created', ...Array.from({ length: 49 }, () => 'exists')])
      assert.equal(new Set(replies.map(({ body }) => body.recordId)).size, 1)
    })
    assert.equal(calls.length, 2)
    assert.equal(created(rig).length, 2)
  })

  it("whom Dynamics' own ids and look-ups could trip over: odd e-mails reach the row as they are", async () => {
    const emails = [
      "o'brien@example.com",
      'a+b&c%25/d?e=f@example.com',
      'zoë.ünï@exämple.com',
      '"q\\"x"@example.com',
    ]
    await using rig = await startRig({ LINK_TRUST_SECONDS: '0' })
    for (const email of emails) {
      rig.sandbox.dataverse.seed('lead', { lastname: 'Entered by hand', emailaddress1: email })
      assert.equal((await rig.sync({ email, lastName: 'Ek' })).body.outcome, 'exists', email)
      const other = email.replace('@', '.2@')
      const { body } = await rig.sync({ email: other, lastName: '😀 <b>& "Ek"' })
      const row = rig.sandbox.dataverse.row('lead', String(body.recordId))
      assert.deepEqual([row?.emailaddress1, row?.lastname], [other, '😀 <b>& "Ek"'])
    }
  })
})

describe('the log of a person', () => {
  it('comes newest first, page by page, with both request ids', async () => {
    await using rig = await startRig()
    for (let round = 0; round < 3; round += 1) await rig.sync(ANN)
    const path = '/v1/people/4711/activities'
    const first = (await rig.request('GET', `${path}?limit=2`)).body
    const second = (await rig.request('GET', `${path}?limit=2&cursor=${first.nextCursor}`)).body
    assert.ok(Array.isArray(first.activities) && Array.isArray(second.activities))
    assert.deepEqual(
      [...first.activities, ...second.activities].map(({ outcome }) => outcome),
      ['exists', 'exists', 'created'],
    )
    assert.equal(second.nextCursor, undefined)
    const [entry] = second.activities
    assert.match(entry.vendorRequestId, /^[0-9a-f-]{36}$/)
    assert.equal((await rig.request('GET', '/v1/people/999/activities')).status, 404)
    assert.equal((await rig.request('GET', '/v1/people/999')).status, 404)
  })
})

describe('a keyed request', () => {
  const keyed = (key: string) => ({ 'idempotency-key': key })

  it('is answered again with the same bytes and without a call, over a restart too (E3)', async () => {
    await using rig = await startRig()
    const first = await rig.sync(ANN, keyed('one'))
    await rig.restart()
    const calls = await rig.callsDuring(async () => {
      const again = await rig.sync(ANN, keyed('one'))
      assert.deepEqual([again.status, again.text], [first.status, first.text])
    })
    assert.deepEqual(calls, [])
    assert.equal(first.body.outcome, 'created')
  })

  it('with another body is refused without a call (E4)', async () => {
    await using rig = await startRig()
    await rig.sync(ANN, keyed('one'))
    const calls = await rig.callsDuring(async () => {
      const other = await rig.sync({ ...ANN, marketoId: 9, email: 'other@example.com' }, keyed('one'))
      assert.deepEqual([other.status, other.body.code], [422, 'idempotency-key-reused'])
    })
    assert.deepEqual(calls, [])
    assert.equal((await rig.request('GET', '/v1/people/9')).status, 404)
  })

  it('that failed fails again with the same bytes', async () => {
    await using rig = await startRig()
    const first = await rig.sync({ marketoId: 1 }, keyed('one'))
    const again = await rig.sync({ marketoId: 1 }, keyed('one'))
    assert.deepEqual([first.status, again.text], [422, first.text])
  })

  it('sent twice at once is one request', async () => {
    await using rig = await startRig({}, { replyDelayMs: 50 })
    const [one, two] = await Promise.all([rig.sync(ANN, keyed('one')), rig.sync(ANN, keyed('one'))])
    assert.equal(one.text, two.text)
    assert.equal(one.body.outcome, 'created')
  })

  it('needs a key that is one', async () => {
    await using rig = await startRig()
    const reply = await rig.request('POST', REST, {
      headers: { 'content-type': 'application/json', ...keyed('x'.repeat(256)) },
      body: JSON.stringify({ person: ANN }),
    })
    assert.deepEqual([reply.status, reply.body.field], [400, 'Idempotency-Key'])
  })
})
