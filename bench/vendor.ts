import { startSandbox } from '../sandbox/index.ts'

/** Entra and Dataverse in a process of their own: `vendor.ts REPLY_DELAY_MS`. Says its environment, then counts. */

export interface VendorCounts {
  /** HTTP requests to Dataverse so far, metadata left out. */
  calls: number
  creates: number
}

const sandbox = await startSandbox({
  replyDelayMs: Number(process.argv[2]),
  limits: {
    requestsPerWindow: Number.MAX_SAFE_INTEGER,
    executionMsPerWindow: Number.MAX_SAFE_INTEGER,
    concurrentMax: Number.MAX_SAFE_INTEGER,
  },
})
const { calls, commits } = sandbox.dataverse
process.on('message', () => {
  const counts: VendorCounts = {
    calls: calls.filter(({ path }) => !path.includes('EntityDefinitions')).length,
    creates: commits.filter(({ operation }) => operation === 'create').length,
  }
  process.send?.(counts)
})
process.on('disconnect', () => void sandbox.close())
process.send?.(sandbox.environment())
