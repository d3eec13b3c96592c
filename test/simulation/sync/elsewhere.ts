import type { CallContext } from '../../../src/abort.ts'
import type { Client } from '../../../src/dataverse/client.ts'
import { OrganisationCheck, WHO_AM_I } from '../../../src/dataverse/organisation-check.ts'
import { Unauthorized, Unavailable } from '../../../src/errors.ts'
import { createLog } from '../../../src/log.ts'
import { Pairing } from '../../../src/pairing.ts'
import { SqliteBindings } from '../../../src/store/sqlite/bindings.ts'
import { Database } from '../../../src/store/sqlite/database.ts'
import type { SyncOptions } from '../../../src/sync/sync.ts'
import type { Owner } from '../scheduler.ts'
import { SimulatedDynamics } from './dynamics.ts'
import type { Lab } from './lab.ts'
import { SimulatedMarketo } from './marketo.ts'
import { dataverseFor, marketoFor } from './ports.ts'
import { FIELDS } from './schema.ts'
import type { Trait } from './traits.ts'

const USER = '00000000-0000-4000-9000-000000000001'
const ORGANISATIONS = {
  own: '00000000-0000-4000-9000-00000000000a',
  other: '00000000-0000-4000-9000-00000000000b',
}
const SUBSCRIPTIONS = { own: '111-AAA-111', other: '222-BBB-222' }
/** To reset or copy an organisation takes longer than one is believed to be the one that it was. */
const OUTAGE_MS = 360_000
const STAY_MS_MAX = 1_500_000
const STRANGERS = 60

type Which = 'own' | 'other'

/**
 * Another organisation behind the same address, copied or reset, and another subscription in the settings of a
 * restart, each with people and rows of its own under the same ids. The pairing and the check of the organisation are
 * the real ones.
 */
export class Elsewhere {
  #organisation: Which = 'own'
  #subscription: Which = 'own'
  #awayUntil = 0
  readonly #bindings = new SqliteBindings(new Database({ path: ':memory:' }))
  #dynamics: SimulatedDynamics | undefined
  #marketo: SimulatedMarketo | undefined
  #visits = 0
  /** Starts that were refused, and calls that were. */
  refusedStarts = 0
  refusedCalls = 0

  #reach(owner: Owner, lab: Lab): Pick<SyncOptions, 'dataverse' | 'marketo' | 'fault'> {
    const pairing = new Pairing({
      bindings: this.#bindings,
      munchkinId: SUBSCRIPTIONS[this.#subscription],
      log: createLog({ level: 'silent' }),
    })
    const { guarded, asked } = this.#check(owner, lab, pairing)
    const subscription = this.#subscription
    const admitted = this.#started(owner, pairing, asked)
    const dynamics = {
      own: dataverseFor(owner, lab.dynamics, lab.toDynamics),
      other: dataverseFor(owner, this.#otherDynamics(lab), lab.toDynamics),
    }
    const marketo = {
      own: marketoFor(owner, lab.marketo, lab.toMarketo),
      other: marketoFor(owner, this.#otherMarketo(lab), lab.toMarketo),
    }
    const toDynamics = async (args: readonly unknown[]) => {
      await admitted()
      const call = args.find(isCall)
      const isFresh = args.some((one) => typeof one === 'object' && one !== null && 'fresh' in one)
      if (isFresh) await asked(call ?? { signal: new AbortController().signal })
      await guarded.send({ ...WHO_AM_I, name: 'any call' }, call ?? { signal: new AbortController().signal })
      return dynamics[this.#organisation]
    }
    const toMarketo = async () => {
      await admitted()
      return marketo[subscription]
    }
    return {
      dataverse: passing(dynamics.own, toDynamics),
      marketo: passing(marketo.own, toMarketo),
      fault: () => pairing.fault,
    }
  }

  readonly trait: Trait = {
    name: 'elsewhere',
    share: 0.2,
    reach: (owner, lab) => this.#reach(owner, lab),
    begin: (lab) => {
      const marketo = this.#otherMarketo(lab)
      for (let id = 1; id <= STRANGERS; id += 1) {
        marketo.create({ ...strange(id), email: `s${id}@strange.example` })
      }
      // Bound before anything can be replaced.
      void this.#bindings.bind('subscription', SUBSCRIPTIONS.own)
      void this.#bindings.bind('organisation', ORGANISATIONS.own)
    },
    deed: { everyMs: 2_400_000, run: (lab) => this.#leave(lab) },
    rest: (lab) => this.#comeBack(lab),
    check: (lab) => this.#check16(lab),
  }

  #leave(lab: Lab): void {
    if (this.#organisation === 'other' || this.#subscription === 'other') return
    this.#visits += 1
    const { scheduler } = lab
    const isRestart = scheduler.chance(0.5)
    if (isRestart && scheduler.chance(0.5)) this.#subscription = 'other'
    else {
      this.#organisation = 'other'
      this.#fill(lab, scheduler.chance(0.5))
      if (!isRestart) this.#awayUntil = scheduler.now() + OUTAGE_MS
    }
    if (isRestart) lab.crash()
    const visit = this.#visits
    scheduler.at(scheduler.between(OUTAGE_MS, STAY_MS_MAX), () => {
      if (visit === this.#visits) this.#comeBack(lab)
    })
  }

  #comeBack(lab: Lab): void {
    if (this.#subscription === 'other') lab.crash()
    this.#organisation = 'own'
    this.#subscription = 'own'
    this.#awayUntil = 0
  }

  /** Every row that is there, under its id and with the values of strangers; or nothing of it. */
  #fill(lab: Lab, isCopy: boolean): void {
    const other = this.#otherDynamics(lab)
    for (const table of ['lead', 'contact'] as const) {
      for (const id of [...other.rows[table].keys()]) other.remove(table, id)
      if (!isCopy) continue
      for (const { id } of lab.dynamics.rows[table].values()) {
        const columns = Object.fromEntries(
          FIELDS.filter(({ columnType }) => columnType === 'String').map(({ column }) => [
            column,
            `stranger ${id}`,
          ]),
        )
        other.create(table, { ...columns, emailaddress1: `${id}@strange.example` }, id)
      }
    }
  }

  /** S16. */
  #check16(lab: Lab): string[] {
    const [dynamics, marketo] = [this.#otherDynamics(lab), this.#otherMarketo(lab)]
    const strangers = [...lab.marketo.people.values()].filter(({ fields }) =>
      Object.values(fields).some((value) => String(value).includes('strange')),
    )
    return [
      ...(dynamics.writes > 0 ? [`S16: ${dynamics.writes} values reached another organisation`] : []),
      ...(marketo.writes + marketo.made > 0 ? ['S16: values reached another subscription'] : []),
      ...strangers.map(({ id }) => `S16: marketo:${id} has a value of a stranger`),
    ]
  }

  #otherDynamics({ scheduler }: Lab): SimulatedDynamics {
    this.#dynamics ??= new SimulatedDynamics(scheduler)
    return this.#dynamics
  }

  #otherMarketo({ scheduler }: Lab): SimulatedMarketo {
    this.#marketo ??= new SimulatedMarketo(scheduler)
    return this.#marketo
  }

  /** Refused, the process ends. */
  #started(owner: Owner, pairing: Pairing, asked: (call: CallContext) => Promise<void>): () => Promise<void> {
    let started: Promise<void> | undefined
    const start = async () => {
      try {
        await pairing.begin()
        await asked({ signal: new AbortController().signal })
      } catch (error) {
        // With Dynamics away the store's word stands.
        if (error instanceof Unavailable) return
        this.refusedStarts += 1
        owner.alive = false
        await new Promise(() => {})
      }
    }
    return () => {
      started ??= start()
      return started
    }
  }

  #check(owner: Owner, lab: Lab, pairing: Pairing) {
    const whoAmI = async () => {
      if (lab.scheduler.now() < this.#awayUntil) throw new Unavailable('away')
      const body = JSON.stringify({ UserId: USER, OrganizationId: ORGANISATIONS[this.#organisation] })
      return {
        status: 200,
        contentType: 'application/json',
        requestId: undefined,
        retryAfter: undefined,
        body,
      }
    }
    const client: Client = { send: whoAmI, batch: async () => [], attempt: async () => [] }
    const recognise = async (organisationId: string) => {
      try {
        await pairing.recognise(organisationId)
      } catch (error) {
        if (error instanceof Unauthorized) this.refusedCalls += 1
        throw error
      }
    }
    const check = new OrganisationCheck({
      client,
      recognise,
      clock: lab.scheduler.clockOf(owner),
      closing: new AbortController().signal,
    })
    return { guarded: check.guard(client), asked: async (_: CallContext) => check.accept(await whoAmI()) }
  }
}

function strange(id: number) {
  return Object.fromEntries(
    FIELDS.filter(({ type }) => type === 'string').map(({ marketo }) => [marketo, `strange ${id}`]),
  )
}

/** The same rooms, each call of which goes where `to` says at that moment. */
function passing<Rooms extends object>(
  rooms: Rooms,
  to: (args: readonly unknown[]) => Promise<Rooms>,
): Rooms {
  const through = (name: string, room: object) =>
    new Proxy(room, {
      get:
        (_, verb) =>
        async (...args: unknown[]) => {
          const target: unknown = Reflect.get(await to(args), name)
          const run: unknown = Reflect.get(target as object, verb)
          return Reflect.apply(run as (...given: unknown[]) => unknown, target, args)
        },
    })
  const entries = Object.entries(rooms).map(([name, room]) => [name, through(name, room as object)])
  return Object.fromEntries(entries) as Rooms
}

function isCall(argument: unknown): argument is CallContext {
  return typeof argument === 'object' && argument !== null && 'signal' in argument
}
