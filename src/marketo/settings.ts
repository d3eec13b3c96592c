import type { SharingSettings } from '../limits/ration.ts'

/** Every bound of this room, with its unit. Plain values: whoever builds the room may lower or raise them. */
export interface MarketoSettings {
  /** One exchange from the request to the last byte of the reply; a little more than Marketo's own time. */
  callTimeoutMs: number
  writeTimeoutMs: number
  feedTimeoutMs: number
  /** Of the token that a feed begins with, for which Marketo may read its log. */
  feedStartTimeoutMs: number
  metadataTimeoutMs: number
  connectTimeoutMs: number
  /** Longest silence inside a reply's body; a steady drip is bounded by the exchange's time only. */
  bodyGapTimeoutMs: number
  replyBytesMax: number
  /** A longer address is sent as a form instead; Marketo takes 8 KB. */
  urlBytesMax: number
  /** The body of a write; Marketo takes 1 MB. */
  bodyBytesMax: number
  /** People, values, entries or records in one call. */
  batchSizeMax: number
  /** How long a person who is asked for alone waits for others to share a call with. */
  gatherMs: number
  /** The same in the background, where nobody waits: a call for 300 people costs as much as one for one. */
  backgroundGatherMs: number
  /** Times that calls of one verb are divided because Marketo refuses one of them as a whole. */
  callDivisionsMax: number
  /** Pages of one answer. */
  pagesMax: number
  /** Calls that may start within one window: half of what all integrations of a subscription share. */
  windowCallsMax: number
  windowMs: number
  /** Calls at a time, again half of what is shared. */
  concurrencyMax: number
  /** This service's share of the subscription's calls a day. */
  dailyCallsMax: number
  /** Of these three, what the background leaves to others; it always keeps one call, so that it never stands still. */
  reservedWindowCalls: number
  reservedConcurrency: number
  reservedDailyPercent: number
  /** Kept after 00:00 US Central when Marketo said that the day's calls are used up: clocks differ. */
  dayEndSlackMs: number
  /** A call that could not start sooner than this is told Busy instead of waiting. */
  queueWaitMaxMs: number
  /** The same for the background: longer than a window, shorter than a day. */
  backgroundQueueWaitMaxMs: number
  /** Longest wait for a slot, whatever was expected when the call joined the queue. */
  slotWaitMaxMs: number
  /** Calls that may wait for a slot in each lane; one more is told Busy. */
  queueMax: number
  /** Told to callers who find the queue full. */
  queueFullRetryMs: number
  /** Told to a caller whose call was one too many at a time. */
  concurrencyRetryMs: number
  /** After such a refusal, one more call at a time for each such interval without another. */
  recoverEveryMs: number
  /** Told about a write that did not reach Marketo, or was held back after one without an answer. */
  unsentRetryMs: number
  /** How long the shape of a person and the list of activity types are taken as they were. */
  schemaTtlMs: number
  /** How long an old shape is served before Marketo, which could not be asked, is asked again. */
  schemaRetryMs: number
  tokenTimeoutMs: number
  /** How long before its end a token is no longer sent. */
  expirySafetyMs: number
  /** Longest remaining life of a refused token that is waited out. */
  dyingWaitMaxMs: number
  /** Kept after a token's end before the next is asked for; Marketo counts whole seconds. */
  tokenEndSlackMs: number
  /** Times that Marketo is asked before a token that is at its end is given up. */
  tokenAsksMax: number
  /** How long a failure to get a token is repeated to callers instead of asking Marketo again. */
  tokenRetryMs: number
  /** Where several replicas share the limits. */
  sharing: SharingSettings
  /** Calls of the window that one replica may take at a time for each of its slots. */
  startsPerSlot: number
}

/** Source: Adobe, "Marketo Engage integration best practices", "REST API" (limits), "Leads" and "Activities" (time-outs). */
export const defaultSettings: MarketoSettings = {
  callTimeoutMs: 65_000,
  writeTimeoutMs: 95_000,
  feedTimeoutMs: 35_000,
  feedStartTimeoutMs: 305_000,
  metadataTimeoutMs: 35_000,
  connectTimeoutMs: 5_000,
  bodyGapTimeoutMs: 15_000,
  replyBytesMax: 16 * 1024 * 1024,
  urlBytesMax: 8_000,
  bodyBytesMax: 1_000_000,
  batchSizeMax: 300,
  gatherMs: 5,
  backgroundGatherMs: 1_000,
  callDivisionsMax: 30,
  pagesMax: 20,
  windowCallsMax: 50,
  windowMs: 20_000,
  concurrencyMax: 5,
  dailyCallsMax: 25_000,
  reservedWindowCalls: 10,
  reservedConcurrency: 1,
  reservedDailyPercent: 10,
  dayEndSlackMs: 60_000,
  queueWaitMaxMs: 5_000,
  backgroundQueueWaitMaxMs: 60_000,
  slotWaitMaxMs: 70_000,
  queueMax: 50,
  queueFullRetryMs: 1_000,
  concurrencyRetryMs: 1_000,
  recoverEveryMs: 60_000,
  unsentRetryMs: 5_000,
  schemaTtlMs: 3_600_000,
  schemaRetryMs: 60_000,
  tokenTimeoutMs: 10_000,
  expirySafetyMs: 1_000,
  dyingWaitMaxMs: 5_000,
  tokenEndSlackMs: 500,
  tokenAsksMax: 5,
  tokenRetryMs: 1_000,
  sharing: { blockMs: 1_000, leaseMs: 3_000, retryMs: 250, patienceMs: 3_000 },
  startsPerSlot: 2,
}
