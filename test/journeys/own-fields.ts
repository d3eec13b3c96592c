import type { Sandbox } from '../../sandbox/index.ts'
import { type SyncRig, startSyncRig } from './sync-rig.ts'

/** Fields of the customer's own, of every sort, with their columns of a lead. */
export const OWN = [
  { marketo: 'segment', lead: 'new_segment', type: 'string' },
  { marketo: 'segmentCode', lead: 'new_segmentcode', type: 'integer' },
  { marketo: 'wantsNews', lead: 'new_wantsnews', type: 'boolean' },
  { marketo: 'agreesToCalls', lead: 'new_refusescalls', type: 'boolean', inverted: true },
  { marketo: 'staff', lead: 'numberofemployees', type: 'integer' },
  { marketo: 'factor', lead: 'new_factor', type: 'float' },
  { marketo: 'budget', lead: 'new_budget', type: 'currency' },
  { marketo: 'founded', lead: 'new_founded', type: 'date' },
  { marketo: 'seenAt', lead: 'new_seenat', type: 'datetime' },
  { marketo: 'homepage', lead: 'websiteurl', type: 'url' },
  { marketo: 'accountRecord', lead: 'parentaccountid', target: 'account', type: 'string' },
  { marketo: 'toSales', lead: 'new_tosales', type: 'string', direction: 'to-dynamics' },
  { marketo: 'fromSales', lead: 'new_fromsales', type: 'string', direction: 'to-marketo' },
  { marketo: 'interests', lead: 'new_interests', type: 'string' },
  {
    marketo: 'channel',
    lead: 'new_channel',
    type: 'string',
    values: { 'Trade Show': 1, Web: 'Public sector' },
    otherwise: 'omit',
  },
  {
    marketo: 'newsletter',
    lead: 'new_newsletter',
    type: 'string',
    values: { 'Yes please': true, 'No thanks': false },
  },
  { marketo: 'shortNote', lead: 'new_note', type: 'string' },
] as const
const OPTIONS = [
  { value: 1, label: 'Retail' },
  { value: 2, label: 'Public sector' },
]

function addColumns({ dataverse, marketo }: Sandbox): void {
  dataverse.changeColumn('lead', 'new_segment', { type: 'Picklist', options: OPTIONS })
  dataverse.changeColumn('lead', 'new_segmentcode', { type: 'Picklist', options: OPTIONS })
  dataverse.changeColumn('lead', 'new_interests', { type: 'MultiSelectPicklist', options: OPTIONS })
  dataverse.changeColumn('lead', 'new_channel', { type: 'Picklist', options: OPTIONS })
  dataverse.changeColumn('lead', 'new_newsletter', { type: 'Boolean' })
  dataverse.changeColumn('lead', 'new_wantsnews', { type: 'Boolean' })
  dataverse.changeColumn('lead', 'new_refusescalls', { type: 'Boolean' })
  dataverse.changeColumn('lead', 'new_factor', { type: 'Double', precision: 5 })
  dataverse.changeColumn('lead', 'new_budget', { type: 'Money', precision: 2 })
  dataverse.changeColumn('lead', 'new_founded', {
    type: 'DateTime',
    format: 'DateOnly',
    behavior: 'DateOnly',
  })
  dataverse.changeColumn('lead', 'new_seenat', { type: 'DateTime' })
  for (const name of ['new_tosales', 'new_fromsales', 'new_note']) dataverse.changeColumn('lead', name, {})
  for (const { marketo: name, type: dataType } of OWN) {
    marketo.addField({ name, dataType, ...(name === 'shortNote' && { length: 20 }) })
  }
}

/** With the own fields selected on top of the default ones. */
export function startFieldsRig(): Promise<SyncRig> {
  return startSyncRig({ settings: { FIELDS_FILE: JSON.stringify({ add: OWN }) }, prepare: addColumns })
}
