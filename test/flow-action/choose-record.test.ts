import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FoundRecord } from '../../src/dataverse/records.ts'
import { type Choice, chooseRecord } from '../../src/flow-action/choose-record.ts'

const own = { table: 'lead', id: 'own' } as const
const lead = (id: string, more: Partial<FoundRecord> = {}): FoundRecord => ({
  table: 'lead',
  id,
  stateCode: 0,
  merged: false,
  ...more,
})
const contact = (id: string, more: Partial<FoundRecord> = {}): FoundRecord => ({
  ...lead(id, more),
  table: 'contact',
})
const one = (table: 'lead' | 'contact', id: string): Choice => ({ kind: 'one', record: { table, id } })

const table: [title: string, found: FoundRecord[], choice: Choice][] = [
  ['nothing', [], { kind: 'none' }],
  ['one lead', [lead('a')], one('lead', 'a')],
  ['one contact', [contact('a')], one('contact', 'a')],
  ['a disqualified lead', [lead('a', { stateCode: 2 })], one('lead', 'a')],
  ['the same row twice', [lead('a'), lead('a')], one('lead', 'a')],
  [
    'two leads',
    [lead('a'), lead('b')],
    {
      kind: 'several',
      records: [
        { table: 'lead', id: 'a' },
        { table: 'lead', id: 'b' },
      ],
    },
  ],
  ['our own row among others', [lead('a'), contact('b'), lead('own')], one('lead', 'own')],
  [
    'a contact that has the id of our lead',
    [contact('own'), lead('a')],
    {
      kind: 'several',
      records: [
        { table: 'contact', id: 'own' },
        { table: 'lead', id: 'a' },
      ],
    },
  ],
  ['our own row that lost a merge', [lead('own', { merged: true, masterId: 'm' })], one('lead', 'm')],
  ['a loser and its winner', [lead('a', { merged: true, masterId: 'b' }), lead('b')], one('lead', 'b')],
  ['a loser whose winner has another e-mail', [lead('a', { merged: true, masterId: 'b' })], one('lead', 'b')],
  ['a loser of nobody', [lead('a', { merged: true })], one('lead', 'a')],
  [
    'a qualified lead and the contact that names it',
    [lead('a', { stateCode: 1 }), contact('c', { originatingLeadId: 'a' })],
    one('contact', 'c'),
  ],
  [
    'a qualified lead that names its contact',
    [lead('a', { stateCode: 1, parentContactId: 'c' }), contact('c')],
    one('contact', 'c'),
  ],
  [
    'an open lead that belongs to a contact',
    [lead('a', { parentContactId: 'c' }), contact('c')],
    {
      kind: 'several',
      records: [
        { table: 'lead', id: 'a' },
        { table: 'contact', id: 'c' },
      ],
    },
  ],
]

describe('the record that is the person, when the look-up finds', () => {
  for (const [title, found, choice] of table) {
    it(title, () => assert.deepEqual(chooseRecord(found, own), choice))
  }
})
