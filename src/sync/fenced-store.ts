import type { SyncStore } from '../store/sync-port.ts'
import { LeaseLost, type Tenure } from './tenure.ts'

/** The store as one tenure may use it: nothing of what it finds out is written once another replica may lead. */
export function fencedStore(store: SyncStore, tenure: Tenure): SyncStore {
  const { fence } = tenure
  return {
    async save(change) {
      const saved = await store.save({ ...change, fence })
      if (saved.kind !== 'fenced') return saved
      const lost = new LeaseLost('this replica no longer leads, so the store accepts no writes of it')
      tenure.end(lost)
      throw lost
    },
    readState: () => store.readState(),
    setPaused: (paused) => store.setPaused(paused),
    findReplicas: (names) => store.findReplicas(names),
    dueAliases: (limit, now) => store.dueAliases(limit, now),
    formerRecords: (records) => store.formerRecords(records),
    peopleOf: (linkIds) => store.peopleOf(linkIds),
    linksOfDeparted: (marketoIds) => store.linksOfDeparted(marketoIds),
    claimsUnderWay: (linkIds) => store.claimsUnderWay(linkIds),
    hasOrphans: () => store.hasOrphans(),
    orphansWith: (emails) => store.orphansWith(emails),
    due: (limit, now) => store.due(limit, now),
    unseen: (recordType, epoch, after, limit) => store.unseen(recordType, epoch, after, limit),
    backlog: () => store.backlog(),
    readConflicts: (limit, before) => store.readConflicts(limit, before),
    readFailures: (filter) => store.readFailures(filter),
    countFailures: () => store.countFailures(),
    retryFailure: (failureId, now) => store.retryFailure(failureId, now),
    readUnsentActivities: (after, limit) => store.readUnsentActivities(after, limit),
    pruneSync: (before, limit) => store.pruneSync(before, limit),
  }
}
