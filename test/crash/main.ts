import { readEnv, toConfig } from '../../src/config/config.ts'
import { type Bounds, createService } from '../../src/service/service.ts'

/**
 * Waits that a test has time for. What was cut off lands within `LATE_MS_MAX` of sync/trouble.ts, so that is what the
 * service has to wait out; the sandbox takes more calls than Marketo does.
 */
const bounds: Bounds = {
  dataverse: { bulkTimeoutMs: 1_500, resendAfterMs: 200 },
  marketo: {
    windowMs: 500,
    writeTimeoutMs: 1_500,
    feedTimeoutMs: 1_500,
    callTimeoutMs: 1_500,
    unsentRetryMs: 200,
    recoverEveryMs: 500,
  },
  sync: {
    lifeIntervalMs: 1_000,
    laterMs: 300,
    settleMs: 2_500,
    confirmMs: 4_000,
    backoff: { baseMs: 500, maxMs: 2_000 },
    againBackoff: { baseMs: 100, maxMs: 1_000 },
  },
}

const { config, problems } = toConfig(readEnv())
if (!config) throw new Error(problems.join('\n'))
const service = await createService(config, {}, bounds)
await service.start()
