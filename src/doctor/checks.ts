import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { Dataverse } from '../dataverse/dataverse.ts'
import type { FailureDetail } from '../errors.ts'
import { createAgent } from '../exchange.ts'
import type { Marketo } from '../marketo/marketo.ts'
import type { FieldSelection } from '../person/selection.ts'
import { reportFields } from '../sync/field-report.ts'
import { resultActivity } from '../sync/write/result-activity.ts'
import { examine, type Finding } from './examination.ts'
import { groundChecks } from './ground.ts'
import { networkChecks } from './network.ts'
import { dynamicsChecks, marketoChecks } from './vendors.ts'

export interface DoctorOptions {
  config: Config
  dataverse: Dataverse
  marketo: Marketo | undefined
  selection: FieldSelection
  clock: Clock
  /** What only the running service knows. */
  running?: {
    storeFault: () => Promise<string | undefined>
    pairingFault: () => FailureDetail | undefined
  }
}

const CONNECTIONS = {
  concurrencyMax: 4,
  connectTimeoutMs: 5_000,
  headersTimeoutMs: 5_000,
  bodyGapTimeoutMs: 5_000,
}
/** The flow step's document is the largest answer that is read. */
const REPLY_BYTES_MAX = 1_048_576

/** Everything that can be wrong between Marketo and Dynamics, looked at now. It changes nothing anywhere. */
export async function diagnose(options: DoctorOptions, signal: AbortSignal): Promise<Finding[]> {
  const { config, dataverse, marketo, selection, clock, running } = options
  const syncs = config.syncIntervalSeconds > 0 && marketo !== undefined
  const agent = createAgent({ ...CONNECTIONS, replyBytesMax: REPLY_BYTES_MAX })
  const hosts = {
    ...(config.entra.credential.kind !== 'managed-identity' && { entra: config.entra.authority }),
    dynamics: config.dataverseUrl,
    ...(config.marketo && { marketo: new URL(config.marketo.url).origin }),
  }
  const vendors = {
    ...{ dataverse, marketo, selection, syncs, clock, credential: config.entra.credential },
    resultActivity: resultActivity.apiName,
    ...(running && { pairingFault: running.pairingFault }),
  }
  const [configuration, ...ground] = groundChecks({
    warnings: config.warnings,
    directory: config.store.kind === 'sqlite' ? config.store.directory : undefined,
    ...(running && { storeFault: running.storeFault }),
    reportFields: (call) =>
      reportFields(
        { selection, metadata: dataverse.metadata, ...(marketo && { schema: marketo.schema }) },
        call,
      ),
    syncs,
  })
  const checks = [
    ...(configuration ? [configuration] : []),
    ...networkChecks({ hosts, publicUrl: config.publicUrl, agent, clock }),
    ...dynamicsChecks(vendors),
    ...marketoChecks(vendors),
    ...ground,
  ]
  return await examine(checks, { clock, signal }).finally(() => agent.destroy())
}
