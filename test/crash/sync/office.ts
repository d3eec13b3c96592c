import type { Sandbox } from '../../../sandbox/index.ts'
import type { Draw } from '../draw.ts'
import type { CampaignCall } from '../people.ts'
import type { Edit, Side, Subject } from './evidence.ts'

/** Fields that are edited on both sides: Marketo REST name and column. */
export const EDITED: readonly [Edited, ...Edited[]] = [
  ['title', 'jobtitle'],
  ['city', 'address1_city'],
  ['phone', 'telephone1'],
]
type Edited = readonly [field: string, column: string]

const EMAIL = /^([a-z]+\d+)\+sync@example\.com$/
const SUBJECTS_MAX = 60

export function tagOf(email: unknown): string {
  return EMAIL.exec(String(email))?.[1] ?? `a stranger (${String(email)})`
}

/** People in sales and in marketing at work, and the campaigns' calls. Nobody enters a value twice. */
export class Office {
  readonly subjects: Subject[] = []
  readonly edits: Edit[] = []
  readonly #sandbox: Sandbox
  readonly #draw: Draw
  readonly #campaign: (call: CampaignCall) => void

  constructor(sandbox: Sandbox, draw: Draw, campaign: (call: CampaignCall) => void) {
    this.#sandbox = sandbox
    this.#draw = draw
    this.#campaign = campaign
  }

  /** One deed. */
  goOn(): void {
    const draw = this.#draw
    const subject = this.#anybody()
    if (subject === undefined || (draw.chance(0.15) && this.subjects.length < SUBJECTS_MAX)) this.#enter()
    else if (draw.chance(0.1)) this.#send(subject)
    else if (draw.chance(0.03)) this.#delete(subject)
    else {
      const sides = draw.one<readonly Side[]>([['marketo'], ['dynamics'], ['marketo', 'dynamics']])
      const field = draw.one(EDITED)
      for (const side of sides) this.#edit(subject.tag, side, field)
    }
  }

  /** New: only in Marketo, only in Dynamics, or on both sides before they have met. */
  #enter(): void {
    const draw = this.#draw
    const { dataverse, marketo } = this.#sandbox
    const tag = `tag${this.subjects.length}`
    const email = `${tag}+sync@example.com`
    const recordType = draw.chance(0.3) ? 'contact' : 'lead'
    this.subjects.push({ tag, recordType })
    const where = draw.one(['marketo', 'dynamics', 'dynamics', 'both'])
    const names = { firstName: tag, lastName: 'Sync' }
    if (where !== 'dynamics') {
      const id = marketo.seed({ email, ...names, company: 'Sync AB' })
      this.#edit(tag, 'marketo', draw.one(EDITED))
      if (where === 'marketo' && draw.chance(0.8)) this.#call(tag, id)
    }
    if (where !== 'marketo') {
      const columns = { firstname: tag, lastname: 'Sync', emailaddress1: email }
      dataverse.seed(recordType, recordType === 'lead' ? { ...columns, companyname: 'Sync AB' } : columns)
      this.#edit(tag, 'dynamics', draw.one(EDITED))
    }
  }

  #edit(tag: string, side: Side, [field, column]: Edited): void {
    const { dataverse, marketo } = this.#sandbox
    const number = this.edits.length + 1
    const value = `${side} ${number}`
    const enter = (home: string) => this.edits.push({ number, tag, side, home, field, value })
    if (side === 'marketo') {
      const id = this.#person(tag)
      if (id === undefined) return
      marketo.update(id, { [field]: value })
      enter(String(id))
    } else {
      const row = this.#row(tag)
      if (row === undefined) return
      dataverse.update(row.table, row.id, { [column]: value })
      enter(row.id)
    }
  }

  /** A campaign sends somebody, again as a rule. */
  #send({ tag }: Subject): void {
    const id = this.#person(tag)
    if (id !== undefined) this.#call(tag, id)
  }

  #call(tag: string, marketoId: number): void {
    const recordType = this.subjects.find((one) => one.tag === tag)?.recordType
    const email = `${tag}+sync@example.com`
    const person = { marketoId, email, firstName: tag, lastName: 'Sync', company: 'Sync AB' }
    this.#campaign({
      tag,
      source: this.#draw.one(['rest', 'webhook']),
      body: JSON.stringify({
        person,
        campaign: { id: 7, type: 'trigger' },
        ...(recordType === 'contact' && { syncAs: 'contact' }),
      }),
    })
  }

  #delete({ tag }: Subject): void {
    const { dataverse, marketo } = this.#sandbox
    const row = this.#row(tag)
    const person = this.#person(tag)
    if (this.#draw.chance(0.5)) {
      if (row) dataverse.remove(row.table, row.id)
    } else if (person !== undefined) marketo.remove(person)
  }

  #anybody(): Subject | undefined {
    const { subjects } = this
    return subjects[this.#draw.between(0, subjects.length - 1)]
  }

  #person(tag: string): number | undefined {
    const found = this.#sandbox.marketo.people().find(({ email }) => tagOf(email) === tag)
    return found && Number(found.id)
  }

  #row(tag: string): { table: 'lead' | 'contact'; id: string } | undefined {
    const { dataverse } = this.#sandbox
    for (const table of ['lead', 'contact'] as const) {
      const row = dataverse.rows(table).find(({ emailaddress1 }) => tagOf(emailaddress1) === tag)
      if (row) return { table, id: String(row[`${table}id`]) }
    }
    return undefined
  }
}
