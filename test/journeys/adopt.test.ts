import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type Rig, startRig } from './rig.ts'

const EMAIL = 'ann@example.com'
const PERSON = { marketoId: 4711, email: EMAIL, firstName: 'Ann', lastName: 'Ek' }

interface Case {
  title: string
  /** Rows as people in sales left them; gives the id that the person has, undefined when nobody can say. */
  enter: (dynamics: Rig['sandbox']['dataverse']) => string | undefined
  recordType?: 'lead' | 'contact'
}

const byHand = { lastname: 'Ek', emailaddress1: EMAIL }

const cases: Case[] = [
  { title: 'a lead', enter: (dynamics) => dynamics.seed('lead', byHand), recordType: 'lead' },
  {
    title: 'a lead whose e-mail is spelled in capitals',
    enter: (dynamics) => dynamics.seed('lead', { ...byHand, emailaddress1: 'Ann@Example.COM' }),
    recordType: 'lead',
  },
  ...[
    ['a zero-width space behind', `${EMAIL}\u200b`],
    ['a byte order mark in front', `\ufeff${EMAIL}`],
    ['a no-break space behind', `${EMAIL}\u00a0`],
    ['a blank in front', ` ${EMAIL}`],
    ['marks of direction around', `\u202a${EMAIL}\u202c`],
  ].map(
    ([what, emailaddress1]): Case => ({
      title: `a lead whose e-mail was pasted with ${what}`,
      enter: (dynamics) => dynamics.seed('lead', { ...byHand, emailaddress1 }),
      recordType: 'lead',
    }),
  ),
  { title: 'a contact', enter: (dynamics) => dynamics.seed('contact', byHand), recordType: 'contact' },
  {
    title: 'a disqualified lead',
    enter: (dynamics) => dynamics.seed('lead', { ...byHand, statecode: 2, statuscode: 4 }),
    recordType: 'lead',
  },
  {
    title: 'a qualified lead without a contact',
    enter: (dynamics) => dynamics.seed('lead', { ...byHand, statecode: 1, statuscode: 3 }),
    recordType: 'lead',
  },
  {
    title: 'a qualified lead and the contact it became',
    enter(dynamics) {
      const lead = dynamics.seed('lead', { ...byHand, statecode: 1, statuscode: 3 })
      return dynamics.seed('contact', { ...byHand, originatingleadid: lead })
    },
    recordType: 'contact',
  },
  {
    title: 'a lead that lost a merge, and its winner',
    enter(dynamics) {
      const winner = dynamics.seed('lead', { lastname: 'Ek', emailaddress1: 'other@example.com' })
      dynamics.seed('lead', { ...byHand, merged: true, masterid: winner, statecode: 2, statuscode: 4 })
      return winner
    },
    recordType: 'lead',
  },
  {
    title: 'two leads with the same e-mail',
    enter(dynamics) {
      dynamics.seed('lead', byHand)
      dynamics.seed('lead', byHand)
      return undefined
    },
  },
  {
    title: 'an unrelated lead and contact with the same e-mail',
    enter(dynamics) {
      dynamics.seed('lead', byHand)
      dynamics.seed('contact', byHand)
      return undefined
    },
  },
]

describe('a person whom sales entered by hand exists and is never doubled (E7):', () => {
  for (const { title, enter, recordType } of cases) {
    it(title, async () => {
      await using rig = await startRig()
      const recordId = enter(rig.sandbox.dataverse)
      const commits = rig.sandbox.dataverse.commits.length
      const { status, body } = await rig.sync({ person: PERSON, assignTo: 'mia.manager@contoso.example' })
      assert.deepEqual(
        [status, body.outcome, body.recordType, body.recordId, body.code],
        [200, 'exists', recordType, recordId, recordId === undefined ? 'ambiguous-match' : undefined],
      )
      assert.equal(rig.sandbox.dataverse.commits.length, commits, 'exists never writes')
      const link = (await rig.request('GET', '/v1/people/4711')).body
      assert.deepEqual([link.state, link.recordId], [recordId === undefined ? 'claimed' : 'linked', recordId])
    })
  }

  it('an ambiguous match is looked at again, and linked once people have cleared it up', async () => {
    await using rig = await startRig()
    const { dataverse } = rig.sandbox
    const kept = dataverse.seed('lead', byHand)
    const other = dataverse.seed('lead', byHand)
    assert.equal((await rig.sync(PERSON)).body.code, 'ambiguous-match')
    dataverse.remove('lead', other)
    const { body } = await rig.sync(PERSON)
    assert.deepEqual([body.outcome, body.recordId, body.code], ['exists', kept, undefined])
  })

  it('one who was known by e-mail from a request that failed, and comes back with the id alone', async () => {
    await using rig = await startRig()
    assert.equal((await rig.sync({ marketoId: 4711, email: EMAIL })).body.outcome, 'failed')
    const recordId = rig.sandbox.dataverse.seed('lead', byHand)
    const { body } = await rig.sync({ marketoId: 4711, lastName: 'Ek' })
    assert.deepEqual([body.outcome, body.recordId], ['exists', recordId])
  })

  it('the record of an earlier installation is found by its id, though it has no e-mail', async () => {
    await using rig = await startRig()
    const { recordId } = (await rig.sync({ marketoId: 7, lastName: 'Ek' })).body
    await rig.restart({ DATA_DIR: join(rig.directory, 'a fresh store') })
    const { body } = await rig.sync({ marketoId: 7, lastName: 'Ek' })
    assert.deepEqual([body.outcome, body.recordId], ['exists', recordId])
  })
})
