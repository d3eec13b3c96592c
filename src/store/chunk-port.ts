import type { Outcome, Waiting, WaitingRequests } from './port.ts'

/**
 * Chunks of people that Marketo hands over in one call (Self-Service Flow Steps) and wants one answer for.
 * Every verb is one whole transaction. A chunk is named by `chunkId`: the token is a secret and names nothing.
 *
 * A lease keeps others away who would do the same; what two do at the same time comes to what one would have done.
 * Leases are given as durations: where several processes share a database its clock ends them, else `now` does.
 */

export interface NewChunk {
  /** Made of caller, subscription and token, and shows nothing of the token. */
  chunkId: string
  /** One-time token of the call: what its callback is authorised with. Erased once the callback is accepted. */
  token: string
  /** Name of the API key. */
  caller: string
  /** The Marketo subscription, which the callback has to name. */
  munchkinId: string
  callbackUrl: string
  /** Key for the callback's x-api-key. Erased with the token. */
  callbackKey: string
  people: number
  /** Batch campaigns stay behind trigger campaigns. */
  batch: boolean
  /** Epoch ms until which the callback waits for people who are not final. */
  deadline: number
  /** The call's people in order; each page is erased once all of its people are requests of their own. Read once. */
  pages: Iterable<ChunkPage>
  now: number
}

export interface ChunkPage {
  /** Of its first person in the chunk. */
  position: number
  /** How many people it has. */
  items: number
  /** What its writer alone understands. */
  body: string
}

/** `stored`: not all people are requests yet · `working` · `answering`: the callback is due · `done` · `failed`. */
export type ChunkState = 'stored' | 'working' | 'answering' | 'done' | 'failed'

/** How many people the callback reports with each outcome. */
export type ChunkCounts = Readonly<Record<Outcome['outcome'] | 'queued', number>>

/** Without pages and callback, which are long. */
export interface Chunk extends Omit<NewChunk, 'now' | 'pages'> {
  /** Rises in the order in which chunks came. */
  number: number
  state: ChunkState
  receivedAt: number
  /** People who are requests by now, counted from the chunk's beginning. */
  expanded: number
  /** Callbacks that were started since the callback was fixed, or sent again by hand. */
  attempts: number
  /** Epoch ms since when the present series of tries runs. */
  answeringSince?: number
  counts?: ChunkCounts
  /** Why the last try did not succeed: a code, never a person's data. */
  lastReason?: string
  /** Epoch ms when it was `done` or `failed`. */
  endedAt?: number
}

/** One person of a chunk, in its order. */
export interface ChunkPerson {
  position: number
  marketoId: number
  /** Absent: refused before they became a request. */
  requestId?: string
  /** Absent: not final. */
  outcome?: Outcome
  /** Why they are not final. */
  waiting?: Waiting
}

export type CallbackResult =
  | { kind: 'done' }
  | { kind: 'failed'; reason: string }
  | { kind: 'again'; reason: string; runAt: number }

export interface WantedChunks {
  /** Chunks of batch campaigns, or those of trigger campaigns. */
  batch: boolean
  limit: number
  /** Ids of those that are being worked on already. */
  except: readonly string[]
}

export interface ChunkStore {
  /** `seen`: the chunk is known; nothing was stored. Durable on return. */
  acceptChunk(chunk: NewChunk): Promise<'accepted' | 'seen'>
  /**
   * Chunks with something to do by now, oldest first, kept from other workers for `leaseMs`. Claiming one that is
   * `answering` counts as a try, so that a crash leaves its trace.
   */
  claimChunks(wanted: WantedChunks, leaseMs: number, now: number): Promise<Chunk[]>
  /** Keeps claimed chunks for another `leaseMs` from now; those that were given back since stay as they are. */
  holdChunks(chunkIds: readonly string[], leaseMs: number, now: number): Promise<void>
  /** The page with the person at `position`; undefined once all of its people are requests. */
  readPage(chunkId: string, position: number): Promise<ChunkPage | undefined>
  /**
   * People from the first one that was not recorded on: they became these requests, or were refused by the endpoint.
   * After the last one of the chunk it is `working`.
   */
  recordPeople(chunkId: string, people: readonly ChunkPerson[]): Promise<void>
  /** People from `position` on, at most `limit`, with what became of them. None once the callback is fixed. */
  readPeople(chunkId: string, position: number, limit: number): Promise<ChunkPerson[]>
  /** Recorded people who are not final, by what they wait for. */
  readWaiting(chunkId: string): Promise<WaitingRequests[]>
  /** The callback's text for all tries, in parts, durable on return. The first one wins; the chunk is `answering`. */
  fixCallback(chunkId: string, callback: readonly string[], counts: ChunkCounts, now: number): Promise<void>
  /** The fixed parts; none before they are fixed, and once they were accepted. */
  readCallback(chunkId: string): Promise<string[]>
  /** Ends one try. `failed` is final unless somebody sends it again. Durable on return. */
  settleCallback(chunkId: string, result: CallbackResult, now: number): Promise<void>
  /** Gives the chunk back, with nothing to do before `runAt`. */
  rescheduleChunk(chunkId: string, runAt: number): Promise<void>
  /** Newest first, at most `limit`, older than `before` (a chunk's number). */
  listChunks(filter: { state?: ChunkState; limit: number; before?: number }): Promise<Chunk[]>
  countChunks(): Promise<Readonly<Record<ChunkState, number>>>
  /** A failed callback is due at once, with all its tries before it. false = no such failed chunk. */
  resendCallback(chunkId: string, now: number): Promise<boolean>
  /** Forgets chunks that ended before `before` (epoch ms), `limit` at most. */
  pruneChunks(before: number, limit: number): Promise<number>
}
