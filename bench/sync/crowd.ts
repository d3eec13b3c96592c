import type { Sandbox, TableName } from '../../sandbox/index.ts'

/** The people of the benchmarks of the background sync, on both sides. */

export type Side = 'marketo' | 'dynamics' | 'both'

const CONTACT_EVERY = 5
/** So many records have a person in Marketo before the first sync: one of two. */
const KNOWN_EVERY = 2
/** One of so many records has the e-mail of the one before. */
const TWIN_EVERY = 50

/** Leads and contacts of about a dozen filled fields, half of them with a person who differs in the title. */
export function seed({ dataverse, marketo }: Sandbox, people: number): number {
  for (let index = 0; index < people; index += 1) {
    const isTwin = index % TWIN_EVERY === TWIN_EVERY - 1
    const email = `person.${isTwin ? index - 1 : index}@example.com`
    const table: TableName = index % CONTACT_EVERY === CONTACT_EVERY - 1 ? 'contact' : 'lead'
    dataverse.seed(table, {
      ...(table === 'lead' && { subject: 'Spring Fair', companyname: `Ek & Sons ${index % 1_000}` }),
      firstname: 'Ann',
      lastname: `Ek ${index}`,
      emailaddress1: email,
      jobtitle: 'Head of Purchasing',
      telephone1: '+46 8 123 456 78',
      mobilephone: '+46 70 123 45 67',
      address1_line1: `Storgatan ${index % 200}`,
      address1_city: 'Stockholm',
      address1_postalcode: '111 22',
      address1_country: 'Sweden',
    })
    if (isTwin || index % KNOWN_EVERY !== 0) continue
    marketo.seed({
      firstName: 'Ann',
      lastName: `Ek ${index}`,
      email,
      title: 'Purchaser',
      phone: '+46 8 123 456 78',
      city: 'Stockholm',
      country: 'Sweden',
    })
  }
  return people
}

interface Edit {
  side: Side
  people: number
  title: string
}

/** So many linked people get a title; with `both`, every other one in Dynamics. */
export function edit(sandbox: Sandbox, { side, people, title }: Edit): number {
  const pairs = linked(sandbox).slice(0, people)
  for (const [index, { marketoId, table, recordId }] of pairs.entries()) {
    if (side === 'marketo' || (side === 'both' && index % 2 === 0))
      sandbox.marketo.update(marketoId, { title })
    else sandbox.dataverse.update(table, recordId, { jobtitle: title })
  }
  return pairs.length
}

export interface Pair {
  marketoId: number
  table: TableName
  recordId: string
  title: unknown
}

export function linked({ marketo }: Sandbox): Pair[] {
  return marketo.people().flatMap(({ id, microsoftRecordId, microsoftType, title }) =>
    typeof microsoftRecordId === 'string' && typeof id === 'number'
      ? [
          {
            marketoId: id,
            table: microsoftType === 'Lead' ? ('lead' as const) : ('contact' as const),
            recordId: microsoftRecordId,
            title,
          },
        ]
      : [],
  )
}

export interface Comparison {
  linked: number
  /** Of these, with another title than their record. */
  different: number
}

export function stillDifferent(sandbox: Sandbox): Comparison {
  const pairs = linked(sandbox)
  const { dataverse } = sandbox
  const different = pairs.filter(
    ({ table, recordId, title }) => dataverse.row(table, recordId)?.jobtitle !== title,
  )
  return { linked: pairs.length, different: different.length }
}
