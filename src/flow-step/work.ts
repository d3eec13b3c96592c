import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { faultOf, SeldomLog } from '../log.ts'
import type { Chunk, ChunkStore } from '../store/chunk-port.ts'
import type { Advance } from './advance.ts'
import { chunkPages } from './chunk-body.ts'
import type { FlowStep, Submission } from './port.ts'

export interface FlowStepWorkOptions {
  chunks: ChunkStore
  advance: Advance
  clock: Clock
  log: Logger
  limits: {
    /** From a chunk's arrival until its callback, whether everybody is final or not. */
    deadlineMs: number
    /** Chunks of trigger, and as many of batch campaigns, that are worked on at the same time. */
    concurrencyMax: number
    /** How long a chunk is kept from other workers when nobody holds on to it any more. */
    leaseMs: number
    /** How often it holds on to the chunks that are being worked on. */
    holdIntervalMs: number
    /** How often it looks for due chunks when nobody wakes it. */
    intervalMs: number
    /** How long chunks that ended are kept. */
    retentionMs: number
    pruneIntervalMs: number
    /** How many chunks are forgotten in one transaction. */
    prunePageMax: number
  }
}

/**
 * A chunk's name: shows nothing of the token, which the callback is authorised with. One token from two callers or two
 * subscriptions names two chunks: nobody gets the answer to another one's by guessing or repeating a token.
 */
export function chunkIdOf({
  caller,
  munchkinId,
  token,
}: Pick<Submission, 'caller' | 'munchkinId' | 'token'>): string {
  const named = JSON.stringify([caller, munchkinId.toUpperCase(), token])
  return createHash('sha256').update(named).digest('hex').slice(0, 32)
}

/** Takes chunks in, and works on them until Marketo has its answer. */
export class FlowStepWork implements FlowStep {
  readonly #options: FlowStepWorkOptions
  readonly #active = new Map<string, { batch: boolean; finished: Promise<void> }>()
  /** When chunks are due again, as far as this process has put them off. */
  readonly #dueAt = new Map<string, number>()
  readonly #seldom: SeldomLog
  readonly #halting = new AbortController()
  #wake = new AbortController()
  #prunedAt = Number.NEGATIVE_INFINITY

  constructor(options: FlowStepWorkOptions) {
    this.#options = options
    this.#seldom = new SeldomLog(options.log, options.clock)
  }

  async submit(submission: Submission): Promise<'accepted' | 'seen'> {
    const { chunks, clock, limits, log } = this.#options
    const { token, caller, munchkinId, callbackUrl, callbackKey, campaign, crowd } = submission
    const chunkId = chunkIdOf(submission)
    const last = crowd.pages.at(-1)
    const people = last ? last.position + last.items : 0
    const pages = chunkPages(submission)
    const now = clock.now()
    const batch = campaign.type === 'batch'
    const deadline = now + limits.deadlineMs
    const made = { chunkId, token, caller, munchkinId, callbackUrl, callbackKey, pages, people, batch }
    const acceptance = await chunks.acceptChunk({ ...made, deadline, now })
    log.info({ event: `chunk-${acceptance}`, chunkId, people, batch, caller })
    this.wake()
    return acceptance
  }

  /** There is work now: do not wait for the interval. */
  wake(): void {
    this.#wake.abort()
  }

  /** Starts what is due as far as there is room. Between two pages of people, work stops with the signal. */
  async tick(stopping: AbortSignal): Promise<void> {
    const now = this.#options.clock.now()
    // What is due and finds no room is taken up when something finishes.
    for (const [chunkId, dueAt] of this.#dueAt) if (dueAt <= now) this.#dueAt.delete(chunkId)
    await Promise.all([this.#claim(false, stopping), this.#claim(true, stopping)])
  }

  /** Ticks until the signal aborts, then waits for what it has started. */
  async run(stopping: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const over = new AbortController()
    const holding = this.#holdOn(over.signal)
    while (!stopping.aborted) {
      this.#wake = new AbortController()
      try {
        await this.tick(stopping)
        await this.#prune()
      } catch (err) {
        this.#report('flow-step-tick-failed', err, 'The flow step tries again after its interval')
      }
      this.#seldom.flush()
      await clock.sleep(this.#pauseMs(), AbortSignal.any([stopping, this.#wake.signal])).catch(() => {})
    }
    await Promise.all([...this.#active.values()].map(({ finished }) => finished))
    over.abort()
    await holding
    this.#seldom.flush(true)
  }

  /** Ends callbacks that are under way; they are given back, and sent again by whoever takes them up. */
  halt(): void {
    this.#halting.abort(new Error('the service is stopping'))
  }

  async #claim(batch: boolean, stopping: AbortSignal): Promise<void> {
    const { chunks, clock, limits } = this.#options
    const busy = [...this.#active.values()].filter((one) => one.batch === batch).length
    const room = limits.concurrencyMax - busy
    if (room <= 0) return
    // One that was put off, and whose step has not quite ended, waits for its end.
    const wanted = { batch, limit: room, except: [...this.#active.keys()] }
    for (const chunk of await chunks.claimChunks(wanted, limits.leaseMs, clock.now())) {
      this.#start(chunk, stopping)
    }
  }

  /** Keeps what is being worked on from others; when this process dies nobody does, and its leases end. */
  async #holdOn(over: AbortSignal): Promise<void> {
    const { chunks, clock, limits } = this.#options
    while (!over.aborted) {
      await clock.sleep(limits.holdIntervalMs, over).catch(() => {})
      const chunkIds = [...this.#active.keys()]
      if (chunkIds.length === 0) continue
      try {
        await chunks.holdChunks(chunkIds, limits.leaseMs, clock.now())
      } catch (err) {
        this.#report('chunks-not-held', err, 'Another replica may take over work that is in progress here')
      }
    }
  }

  #start(chunk: Chunk, stopping: AbortSignal): void {
    const { chunkId, batch } = chunk
    this.#dueAt.delete(chunkId)
    const finished = this.#advance(chunk, stopping).then(() => {
      this.#active.delete(chunkId)
      this.wake()
    })
    this.#active.set(chunkId, { batch, finished })
  }

  async #advance(chunk: Chunk, stopping: AbortSignal): Promise<void> {
    const { advance } = this.#options
    const { chunkId } = chunk
    try {
      const dueAt = await advance.step(chunk, stopping, this.#halting.signal)
      if (dueAt !== undefined) this.#dueAt.set(chunkId, dueAt)
    } catch (err) {
      this.#report('chunk-step-failed', err, 'The chunk is processed again when its lease expires', {
        chunkId,
      })
    }
  }

  #report(event: string, error: unknown, message: string, more: object = {}): void {
    this.#seldom.write('error', { event, ...more, ...faultOf(error) }, message)
  }

  #pauseMs(): number {
    const { clock, limits } = this.#options
    const now = clock.now()
    let pauseMs = limits.intervalMs
    for (const dueAt of this.#dueAt.values()) pauseMs = Math.min(pauseMs, dueAt - now)
    return Math.max(pauseMs, 0)
  }

  /** Page by page, so that others get their turn in between. */
  async #prune(): Promise<void> {
    const { chunks, clock, limits, log } = this.#options
    const now = clock.now()
    if (now - this.#prunedAt < limits.pruneIntervalMs) return
    this.#prunedAt = now
    let total = 0
    let page: number
    do {
      page = await chunks.pruneChunks(now - limits.retentionMs, limits.prunePageMax)
      total += page
    } while (page === limits.prunePageMax)
    if (total > 0) log.info({ event: 'chunks-pruned', chunks: total })
  }
}
