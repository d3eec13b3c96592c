import { parseArgs } from 'node:util'
import { systemClock, systemRandom } from './clock.ts'
import { readEnv, toConfig } from './config/config.ts'
import { createDataverse } from './dataverse/dataverse.ts'
import { diagnose } from './doctor/checks.ts'
import { type Finding, renderFindings } from './doctor/examination.ts'
import { createLog } from './log.ts'
import { createMarketo } from './marketo/marketo.ts'
import { selectFields } from './person/select-fields.ts'

/** npm run doctor: checks everything from the environment of the service, whether that is running or not. */
const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const findings = await examineEnvironment()
console.log(values.json ? JSON.stringify({ checks: findings }, null, 2) : renderFindings(findings))
process.exitCode = findings.some(({ status }) => status === 'fail') ? 1 : 0

async function examineEnvironment(): Promise<Finding[]> {
  const { config, problems } = toConfig(readEnv())
  if (!config) {
    return problems.map((seen) => ({
      id: 'configuration',
      status: 'fail',
      seen,
      advice: 'See docs/configuration.md.',
    }))
  }
  const ports = { clock: systemClock, random: systemRandom, log: createLog({ level: 'silent' }) }
  const { tenantId: tenant, ...entra } = config.entra
  await using dataverse = createDataverse({ url: config.dataverseUrl, entra: { tenant, ...entra }, ...ports })
  await using marketo = config.marketo && createMarketo({ ...config.marketo, ...ports })
  const selection = selectFields(config.fields, config.fieldPolicy)
  const options = { config, dataverse, marketo, selection, clock: systemClock }
  // Awaited here: the connections close when this function returns.
  return await diagnose(options, new AbortController().signal)
}
