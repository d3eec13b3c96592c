/** Durable reminders to finish a request. Correctness never rests on them: a job run twice changes nothing. */

export interface Job {
  requestId: string
  /** How often it was started before. */
  attempts: number
}

/** Real-time work comes before batch work. */
export type JobLane = 'real-time' | 'batch'

export interface NewJob {
  requestId: string
  lane: JobLane
  /** Epoch ms until which its maker works on it and no worker takes it, unless the maker's process is gone. */
  leasedUntil: number
}

/** Work on jobs from outside a store transaction. */
export interface Jobs {
  /** Up to `limit` due jobs of a lane, kept from other workers until `until` (epoch ms). */
  claim(lane: JobLane, limit: number, until: number, now: number): Promise<Job[]>
  /** The attempt did not finish the request: again at `runAt`. `reason` is a code, never a person's data. */
  reschedule(requestId: string, runAt: number, reason: string): Promise<void>
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
  enqueue(job: { requestId: string; lane: JobLane; held: boolean }): Promise<JobStatement>
  complete(requestId: string): Promise<JobStatement>
}
