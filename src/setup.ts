import { parseArgs } from 'node:util'
import { systemClock } from './clock.ts'
import { readEnv, toSetupConfig } from './config/config.ts'
import { createLog } from './log.ts'
import { createMarketo } from './marketo/marketo.ts'
import { selectFields } from './person/select-fields.ts'
import { setUpMarketo } from './sync/setup.ts'

const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort(new Error('interrupted')))
try {
  const { values } = parseArgs({ options: { 'mapped-fields': { type: 'boolean' } } })
  const { config, problems } = toSetupConfig(readEnv())
  if (!config) throw new Error(problems.join('\n'))
  const { dailyCallsMax, ...access } = config.marketo
  await using marketo = createMarketo({
    ...access,
    // Nobody waits for an answer: rather be slow than be told to come back.
    settings: { dailyCallsMax, queueWaitMaxMs: 60_000 },
    clock: systemClock,
    log: createLog({ level: 'silent' }),
  })
  const isReady = await setUpMarketo(
    {
      schema: marketo.schema,
      ...(values['mapped-fields'] && { selection: selectFields(config.fields) }),
      say: (line) => console.log(line),
    },
    { signal: interrupted.signal },
  )
  process.exitCode = isReady ? 0 : 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
