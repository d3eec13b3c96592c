/** Durable reminders to finish a request. Correctness never rests on them: a job run twice changes nothing. */

export interface Job {
  requestId: string
  /** How often a worker took it and was not heard of again. */
  crashes: number
}

/** Real-time work comes before batch work. */
export type JobLane = 'real-time' | 'batch'

export interface NewJob {
  requestId: string
  lane: JobLane
  /** Its maker works on it: no worker takes it while the heartbeat lasts. */
  held: boolean
}

/** How long a job is kept from others after it was claimed, made as held, or told of by a heartbeat. */
export const HOLD_MS = 10_000

/** Work on jobs from outside a store transaction. `now` is epoch ms; a driver may count by its own clock. */
export interface Jobs {
  /** Up to `limit` due jobs of a lane, held. What a worker does not bring to an end comes back when its hold does. */
  claim(lane: JobLane, limit: number, now: number): Promise<Job[]>
  /** This process is alive and works on these: they stay held. */
  heartbeat(requestIds: readonly string[], now: number): Promise<void>
  /** The attempt did not finish the request: again at `runAt`. */
  reschedule(requestId: string, runAt: number, now: number): Promise<void>
  /** This process stops: another one may begin at once. Neither an attempt nor a crash. */
  handBack(requestIds: readonly string[], now: number): Promise<void>
  /** Nothing is left to do: the request is settled or forgotten. */
  drop(requestId: string): Promise<void>
  /** Requests that wait, and the epoch ms when the oldest one was accepted. */
  backlog(): Promise<{ waiting: number; oldestAt?: number }>
}

/** The part that runs inside the store's own transaction, so that a claim and its job are one. */
export interface JobsInTransaction {
  enqueue(job: NewJob, now: number): void
  complete(requestId: string): void
}

/** A statement that the store sends along inside its own transaction. */
export interface JobStatement {
  readonly text: string
  readonly values: readonly unknown[]
}

/** PostgreSQL: neither makes a round trip, and what they give may be sent twice. */
export interface JobStatements {
  enqueue(job: NewJob): Promise<JobStatement>
  complete(requestId: string): Promise<JobStatement>
}
