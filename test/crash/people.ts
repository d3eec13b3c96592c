import type { Draw } from './draw.ts'

/** Somebody whom campaigns send. `tag` is the first name: what ties a row in Dynamics to them, and nothing else does. */
export interface CrashPerson {
  tag: string
  marketoIds: readonly number[]
  email?: string
  /** Lacks what Dynamics requires: must end as a recorded failure. */
  refused: boolean
  /** Sales entered them before any campaign ran. */
  enteredByHand: boolean
}

export interface CampaignCall {
  tag: string
  source: 'rest' | 'webhook'
  body: string
  /** Idempotency-Key. */
  key?: string
}

/** People of every kind, each sent one to four times; late triggers are mixed among the next people's. */
export class Campaign {
  readonly people: CrashPerson[] = []
  readonly #draw: Draw
  readonly #enterByHand: (person: CrashPerson) => void
  #later: CampaignCall[] = []
  #calls = 0

  constructor(draw: Draw, enterByHand: (person: CrashPerson) => void) {
    this.#draw = draw
    this.#enterByHand = enterByHand
  }

  next(): CampaignCall {
    const late = this.#draw.chance(0.6) ? this.#later.shift() : undefined
    if (late) return late
    const person = this.#makePerson()
    this.people.push(person)
    if (person.enteredByHand) this.#enterByHand(person)
    const first = this.#callFor(person)
    for (let triggers = this.#draw.between(0, 3); triggers > 0; triggers -= 1) {
      this.#later.push(this.#callFor(person))
    }
    return first
  }

  #makePerson(): CrashPerson {
    const number = this.people.length
    const idOnly = this.#draw.chance(0.1)
    const marketoIds = idOnly || this.#draw.chance(0.8) ? [2 * number + 1] : [2 * number + 1, 2 * number + 2]
    const refused = this.#draw.chance(0.05)
    return {
      tag: `Tag${number}`,
      marketoIds,
      ...(!idOnly && { email: `person.${number}+crash@example.com` }),
      refused,
      enteredByHand: !idOnly && !refused && this.#draw.chance(0.1),
    }
  }

  #callFor({ tag, marketoIds, email, refused }: CrashPerson): CampaignCall {
    const draw = this.#draw
    const named = email === undefined || draw.chance(0.8)
    const [firstId, secondId = firstId] = marketoIds
    const person = {
      ...(named && { marketoId: draw.chance(0.5) ? firstId : secondId }),
      ...(email !== undefined && { email }),
      firstName: tag,
      ...(!refused && { lastName: 'Crash', company: 'Crash AB' }),
    }
    const type = draw.chance(0.1) ? 'batch' : 'trigger'
    this.#calls += 1
    return {
      tag,
      source: draw.one(['rest', 'webhook']),
      body: JSON.stringify({
        person,
        campaign: { id: 7, type },
        ...(draw.chance(0.15) && { syncAs: 'contact' }),
      }),
      ...(draw.chance(0.6) && { key: `call-${this.#calls}` }),
    }
  }
}
