import type { CallContext } from '../abort.ts'
import type { Leases } from '../store/lease-port.ts'
import type { SyncStore } from '../store/sync-port.ts'
import type { InitialSync, Preview, SyncControl, SyncStatus } from './control.ts'
import type { Engine } from './engine.ts'
import { fullReadOf } from './intake/dynamics-stream.ts'
import type { Leader } from './leader.ts'
import { readNote } from './note.ts'

export interface DeskOptions {
  leases: Pick<Leases, 'read'>
  leader: Pick<Leader, 'reportOf' | 'wake'>
  store: Pick<SyncStore, 'readState' | 'setPaused' | 'backlog'>
  /** Of no tenure: it reads, and what it would write is refused. */
  engine: Pick<Engine, 'report' | 'preview'>
}

/** Where an operator asks, on whichever replica: the answer is that of the one that leads. */
export class Desk implements SyncControl {
  readonly #options: DeskOptions

  constructor(options: DeskOptions) {
    this.#options = options
  }

  async status(): Promise<SyncStatus> {
    const { leases, leader, engine } = this.#options
    const lease = await leases.read('background-sync')
    // While nobody has led yet, there is nothing to tell but what an engine begins with.
    const told = leader.reportOf(lease?.fence) ?? readNote(lease?.note) ?? engine.report()
    return {
      ...told,
      ...(lease && !lease.isOver && { leader: { replica: lease.holder, since: lease.since } }),
      initialSync: await this.#initialSync(),
    }
  }

  /** Of the store alone: the same on every replica, and after every restart. */
  async #initialSync(): Promise<InitialSync> {
    const { store } = this.#options
    const { cursors } = await store.readState()
    const tables = cursors.filter(({ stream }) => stream.startsWith('dynamics'))
    if (tables.length === 0) return { state: 'waiting', rowsRead: 0 }
    const reads = tables.map(fullReadOf)
    const begun = reads.flatMap(({ startedAt }) => startedAt ?? [])
    const progress = {
      rowsRead: reads.reduce((sum, { rows }) => sum + rows, 0),
      ...(begun.length > 0 && { startedAt: Math.min(...begun) }),
    }
    if (tables.length < 2 || reads.some(({ isUnderWay }) => isUnderWay))
      return { state: 'reading', ...progress }
    const { initial } = await store.backlog()
    return { state: initial > 0 ? 'loading' : 'done', ...progress }
  }

  async pause(): Promise<void> {
    await this.#options.store.setPaused(true)
  }

  async resume(): Promise<void> {
    await this.#options.store.setPaused(false)
    this.#options.leader.wake()
  }

  preview(itemsMax: number, call: CallContext): Promise<Preview> {
    return this.#options.engine.preview(itemsMax, call)
  }
}
