import type { Outcome } from './port.ts'

/**
 * Chunks of people that Marketo hands over in one call (Self-Service Flow Steps) and wants one answer for.
 * Every verb is one whole transaction.
 */

export interface NewChunk {
  /** One-time token of the call: the chunk's name, and what its callback is authorised with. */
  token: string
  /** Name of the API key. */
  caller: string
  callbackUrl: string
  /** Key for the callback's x-api-key. */
  callbackKey: string
  /** The call's people and their context as JSON; erased once every person is a request of its own. */
  body: string
  people: number
  /** Batch campaigns stay behind trigger campaigns. */
  batch: boolean
  /** Epoch ms until which the callback waits for people who are not final. */
  deadline: number
  now: number
}

/** `stored`: not all people are requests yet · `working` · `answering`: the callback is due · `done` · `failed`. */
export type ChunkState = 'stored' | 'working' | 'answering' | 'done' | 'failed'

export interface Chunk extends Omit<NewChunk, 'now'> {
  state: ChunkState
  receivedAt: number
  /** People of `body` that are requests by now, counted from its beginning. */
  expanded: number
  /** Callbacks that were tried. */
  attempts: number
  /** The callback as it was first sent: each try sends the same bytes. */
  callback?: string
  /** Why the last try did not succeed: a code, never a person's data. */
  lastReason?: string
  answeredAt?: number
}

/** One person of a chunk, in its order. `outcome` absent: not final. */
export interface ChunkPerson {
  position: number
  marketoId: number
  requestId?: string
  outcome?: Outcome
}

export interface ChunkStore {
  /** `seen`: the token is known; nothing was stored. Durable on return. */
  acceptChunk(chunk: NewChunk): Promise<'accepted' | 'seen'>
  /** Chunks with something to do by now, kept from other workers until `leaseUntil`: trigger before batch. */
  claimChunks(limit: number, leaseUntil: number, now: number): Promise<Chunk[]>
  /** People from `position` on, at most `limit`, became these requests or were refused at the door. */
  recordPeople(token: string, people: readonly ChunkPerson[], now: number): Promise<void>
  /** All people of the chunk with what became of them. */
  readPeople(token: string): Promise<ChunkPerson[]>
  /** People who are not final. */
  countOpen(token: string): Promise<number>
  /** The callback's bytes, fixed for all tries. The first one wins and is returned. */
  fixCallback(token: string, callback: string, now: number): Promise<string>
  /** `done`, `failed` for good, or to be tried again at `runAt`. */
  settleCallback(
    token: string,
    result:
      | { kind: 'done' }
      | { kind: 'failed'; reason: string }
      | { kind: 'again'; reason: string; runAt: number },
    now: number,
  ): Promise<void>
  /** Nothing to do before `runAt`: gives the chunk back. */
  rescheduleChunk(token: string, runAt: number): Promise<void>
  readChunk(token: string): Promise<Chunk | undefined>
  /** Failed ones and those on their way, newest first. */
  listChunks(filter: { state?: ChunkState; limit: number; before?: number }): Promise<Chunk[]>
  /** A failed callback is tried again at once. false = no such failed chunk. */
  resendCallback(token: string, now: number): Promise<boolean>
  /** Forgets done chunks older than `before` (epoch ms), `limit` at most. */
  pruneChunks(before: number, limit: number): Promise<number>
}
