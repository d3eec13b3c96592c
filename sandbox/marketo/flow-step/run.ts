import { isComplete, type Tally } from './apply.ts'
import type { Campaign, FlowValues } from './campaign.ts'
import type { Invocation } from './invocation.ts'
import type { Service } from './service.ts'

/** One request at the callback's address, with the token of a chunk or with none that is known. */
export interface Callback {
  /** Epoch ms, on arrival. */
  at: number
  token: string
  /** What it was answered with; 0 = no whole answer. */
  status: number
  /** Whether it was taken as the chunk's one callback. */
  accepted: boolean
  /** Items in it. */
  people: number
  /** Every person of the chunk once, and nobody else. */
  complete: boolean
  /** SHA-256 of the body: tries of one callback are the same bytes. */
  digest: string
  bytes: number
}

const CHUNK_STATES = ['sending', 'waiting', 'refused', 'done'] as const

/** One call of a run: `waiting` for its callback, `refused` by the provider, or `done`. */
export interface ChunkReport {
  token: string
  people: number
  state: (typeof CHUNK_STATES)[number]
  /** The provider's answer to the call; 0 = none. */
  status: number
  failure: string
  answeredAfterMs: number
  callbacks: readonly Callback[]
  /** Of the accepted callback. */
  tally?: Tally
}

export interface RunReport {
  id: number
  name: string
  type: Campaign['type']
  /** API name. */
  service: string
  campaignId: number
  /** Epoch ms. */
  startedAt: number
  people: number
  chunks: readonly ChunkReport[]
}

/** A chunk on its way. */
export class Chunk {
  readonly token: string
  readonly people: ReadonlyMap<number, FlowValues>
  readonly body: Buffer
  readonly callbacks: Callback[] = []
  answer: { status: number; failure: string; afterMs: number } | undefined
  tally: Tally | undefined

  constructor({ token, people, body }: Invocation) {
    this.token = token
    this.people = people
    this.body = body
  }

  get state(): ChunkReport['state'] {
    if (this.tally) return 'done'
    if (!this.answer) return 'sending'
    return isAccepted(this.answer.status) ? 'waiting' : 'refused'
  }

  /** For a callback that has just been taken. */
  get isComplete(): boolean {
    return this.tally !== undefined && isComplete(this.tally)
  }

  report(): ChunkReport {
    const { token, people, state, answer, callbacks, tally } = this
    return {
      ...{ token, people: people.size, state, callbacks: [...callbacks] },
      ...{ status: answer?.status ?? 0, failure: answer?.failure ?? '' },
      answeredAfterMs: answer?.afterMs ?? 0,
      ...(tally && { tally }),
    }
  }
}

/** 201 by the interface; services in the field say 202, too. */
function isAccepted(status: number): boolean {
  return status >= 200 && status < 300
}

/** A campaign as it went through a service's step. */
export interface Run {
  id: number
  campaign: Campaign
  campaignId: number
  stepId: number
  service: Service
  startedAt: number
  chunks: readonly Chunk[]
}

export function reportOf({ id, campaign, campaignId, service, startedAt, chunks }: Run): RunReport {
  const people = chunks.reduce((sum, chunk) => sum + chunk.people.size, 0)
  const { name, type } = campaign
  return {
    ...{ id, name, type, service: service.apiName, campaignId, startedAt, people },
    chunks: chunks.map((chunk) => chunk.report()),
  }
}

/** Whether nothing is expected any more. */
export function isSettled({ chunks }: Run): boolean {
  return chunks.every(({ state }) => state === 'done' || state === 'refused')
}
