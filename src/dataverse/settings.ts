import type { SharingSettings } from '../limits/ration.ts'

/** Every bound of this room, with its unit. Plain values: whoever builds the room may lower or raise them. */
export interface DataverseSettings {
  /** One call from token to last byte of the reply, waiting for a slot included. */
  callTimeoutMs: number
  /** The same for a page of changes and for a batch of rows; Microsoft's own ServiceClient waits 4 minutes. */
  bulkTimeoutMs: number
  connectTimeoutMs: number
  /** Longest wait for a reply to begin; callTimeoutMs ends most calls before. */
  headersTimeoutMs: number
  /** Longest silence inside a reply's body; a steady drip is bounded by callTimeoutMs only. */
  bodyGapTimeoutMs: number
  /** Holds changesPageSize rows of 40 columns even when each is filled to its stock length. */
  replyBytesMax: number
  /** Calls at a time before the first x-ms-dop-hint is seen. */
  concurrencyStart: number
  /** The documented service protection limit of one user on one web server. */
  concurrencyMax: number
  /** Share of the slots that background calls leave free, at least one of them. */
  backgroundReserveShare: number
  /** Calls of each lane that may wait for a slot; one more is told Busy. */
  queueMax: number
  /** Told to callers who find the queue full. */
  queueFullRetryMs: number
  /** First spacing between two starts after a request-count 429; 300 s / 6,000 requests. */
  spacingFirstMs: number
  spacingMaxMs: number
  spacingStepMs: number
  /** Operations that one $batch should carry at most; Dataverse takes 1,000. */
  batchSizeMax: number
  batchSizeStep: number
  /** A batch of rows that takes longer makes the next ones half as large. */
  batchSlowMs: number
  /** How often one update verb halves batches that were refused as a whole, to find the row that is to blame. */
  batchSplitsMax: number
  /** Told for updates that were not executed when Dataverse names no time. */
  resendAfterMs: number
  /** Rows that one page of changes should have; Dataverse gives at most 5,000. */
  changesPageSize: number
  /** After a 429, one step of recovery for each such interval without another. */
  recoverEveryMs: number
  /** A 429 without a readable Retry-After. */
  retryAfterDefaultMs: number
  /** A Retry-After of 0 or in the past. */
  retryAfterMinMs: number
  /** How long a call for one person waits for others to share a batch with. */
  gatherMs: number
  /** Calls in such a batch; it is sent at once when it is full. */
  gatherMax: number
  /** Rows that an e-mail look-up reads from each table. */
  lookupRowsMax: number
  /** Ask Dynamics to apply the organisation's published duplicate rules to a create. */
  duplicateDetection: boolean
  metadataTtlMs: number
  /** After a refresh that failed, how long the old definition is served unasked. */
  metadataRetryMs: number
  /** How old a definition must be before a person whom it refuses makes us ask for it again. */
  metadataCheckMs: number
  /** Between two readings of a table because of what Dataverse refuses: at most six a minute. */
  metadataRefusalMs: number
  ownerTtlMs: number
  ownerCacheMax: number
  /** Of the list of users to choose an owner from; Dataverse gives at most 5,000. */
  usersMax: number
  usersTtlMs: number
  /** After a refresh that failed, how long the old list is served unasked. */
  usersRetryMs: number
  tokenTimeoutMs: number
  /** How long before its end a token is replaced in the background. */
  refreshEarlyMs: number
  /** How long before its end a token is no longer sent. */
  expirySafetyMs: number
  /** How long a failure to get a token is repeated to callers instead of asking Entra again. */
  tokenRetryMs: number
  /** Where several replicas share the limits. */
  sharing: SharingSettings
  /** Calls that one replica may start of one block when nothing but slots bounds them. */
  blockCallsMax: number
}

export const defaultSettings: DataverseSettings = {
  callTimeoutMs: 60_000,
  bulkTimeoutMs: 240_000,
  connectTimeoutMs: 5_000,
  headersTimeoutMs: 240_000,
  bodyGapTimeoutMs: 15_000,
  replyBytesMax: 64 * 1024 * 1024,
  concurrencyStart: 4,
  concurrencyMax: 52,
  backgroundReserveShare: 0.25,
  queueMax: 1_000,
  queueFullRetryMs: 1_000,
  spacingFirstMs: 50,
  spacingMaxMs: 1_000,
  spacingStepMs: 5,
  batchSizeMax: 1_000,
  batchSizeStep: 20,
  batchSlowMs: 30_000,
  batchSplitsMax: 20,
  resendAfterMs: 1_000,
  changesPageSize: 2_000,
  recoverEveryMs: 5_000,
  retryAfterDefaultMs: 10_000,
  retryAfterMinMs: 1_000,
  gatherMs: 5,
  gatherMax: 100,
  lookupRowsMax: 50,
  duplicateDetection: true,
  metadataTtlMs: 3_600_000,
  metadataRetryMs: 30_000,
  metadataCheckMs: 60_000,
  metadataRefusalMs: 10_000,
  ownerTtlMs: 600_000,
  ownerCacheMax: 1_000,
  usersMax: 1_000,
  usersTtlMs: 600_000,
  usersRetryMs: 30_000,
  tokenTimeoutMs: 10_000,
  refreshEarlyMs: 300_000,
  expirySafetyMs: 30_000,
  tokenRetryMs: 1_000,
  sharing: { blockMs: 500, leaseMs: 3_000, retryMs: 250, patienceMs: 3_000 },
  blockCallsMax: 1_000,
}
