import type { CallContext } from '../abort.ts'
import { Refusal } from '../problem.ts'
import type { RecordType } from '../store/port.ts'
import type { Stream } from '../store/sync-port.ts'

/** What an operator may ask of the background sync, and what it tells. Times are epoch ms, values never appear. */

export const WAYS = ['toDynamics', 'toMarketo'] as const
export type Way = (typeof WAYS)[number]
export type PerWay<T> = Readonly<Record<Way, Readonly<Record<RecordType, T>>>>

/** Why no cycle runs, and what to do about it. */
export interface Blocked {
  /** Stable, kebab-case, documented in docs/codes.md. */
  code: string
  advice: string
}

/** Records that a cycle looked at for one way. `skipped`: there was nothing to write. */
export interface Counts {
  new: number
  updated: number
  skipped: number
  failed: number
}

export interface Cycle {
  startedAt: number
  tookMs: number
  /** `partial`: something could not be asked or written; the cycle went on without it. */
  result: 'done' | 'partial' | 'failed'
  /** What kept it from `done`. */
  code?: string
  advice?: string
  counts: PerWay<Counts>
}

interface Fault extends Blocked {
  side: 'marketo' | 'dynamics'
}

export interface StreamState {
  /** More pages waited when the stream was last read. */
  behind: boolean
  /** The last read reached the end of the stream; absent in what former versions wrote. */
  isAtEnd?: boolean
  /** Why it could not be read the last time. */
  code?: string
  advice?: string
}

/**
 * `waiting`: not begun · `reading`: pages through all records · `loading`: all are read, and some have not been tried ·
 * `done`: all have been tried.
 */
export interface InitialSync {
  state: 'waiting' | 'reading' | 'loading' | 'done'
  /** Rows returned by the current or the last full read of both tables. */
  rowsRead: number
  /** Epoch ms when the first of the two began. */
  startedAt?: number
}

/** What whoever runs the cycles knows of them; everything else is in the store. */
export interface CycleReport {
  blocked?: Blocked
  /** `totals` count from here: the start of the process, or of its time as leader. */
  since: number
  totals: PerWay<Counts>
  lastCycle?: Cycle
  nextCycleAt?: number
  streams: Readonly<Partial<Record<Stream, StreamState>>>
  /** Faults of the set-up that are not over; each is an open failure, too. Absent: of a version that tells none. */
  faults?: readonly Fault[]
}

export interface SyncStatus extends CycleReport {
  /** Absent: no replica leads now. */
  leader?: { replica: string; since: number }
  initialSync: InitialSync
}

/** What a write would be. `link`: tied to a person who is there. */
export const PREVIEW_ACTIONS = ['create', 'link', 'update'] as const
export type PreviewAction = (typeof PREVIEW_ACTIONS)[number]

export interface PreviewItem {
  way: Way
  action: PreviewAction
  recordType: RecordType
  recordId: string
  /** Absent: there is no person yet. */
  marketoId?: number
  /** Marketo REST names of what would be written. */
  fields: readonly string[]
}

export interface Preview {
  /** What the streams say next; `more`: they hold more than was looked at, so the counts are a beginning. */
  streams: readonly { stream: Stream; changes: number; more: boolean }[]
  counts: PerWay<Readonly<Record<PreviewAction, number>>>
  /** At most as many as were asked for. */
  items: readonly PreviewItem[]
}

export interface SyncControl {
  status(): Promise<SyncStatus>
  /** Durable on return; a cycle that runs ends with its page. Repeating it is harmless. */
  pause(): Promise<void>
  /** Durable on return; the next cycle begins as soon as the leader hears of it. Repeating it is harmless. */
  resume(): Promise<void>
  /** What the next cycle would do. Reads, writes nothing and moves no cursor. */
  preview(itemsMax: number, call: CallContext): Promise<Preview>
}

/** Whether there is an engine to control. */
export type SyncRun = { kind: 'on'; control: SyncControl } | { kind: 'off'; blocked: Blocked }

const SWITCHED_OFF: Blocked = {
  code: 'sync-off',
  advice: 'SYNC_INTERVAL_SECONDS is 0: set it to a number of seconds to switch the background sync on.',
}
export const NO_MARKETO: Blocked = {
  code: 'marketo-not-configured',
  advice:
    'Set MARKETO_URL, MARKETO_CLIENT_ID and MARKETO_CLIENT_SECRET, and run npm run setup once, for the background sync.',
}

/** The configuration's word on whether there is a background sync; undefined = there is. */
export function whyOff(config: { syncIntervalSeconds: number; marketo?: object }): Blocked | undefined {
  if (config.syncIntervalSeconds === 0) return SWITCHED_OFF
  return config.marketo ? undefined : NO_MARKETO
}

export function refuseBlocked({ code, advice }: Blocked): Refusal {
  return new Refusal(409, code, 'The background sync does not run.', { advice })
}
