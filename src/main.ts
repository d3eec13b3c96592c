import { readEnv, toConfig } from './config/config.ts'
import { createService } from './service/service.ts'

const { config, problems } = toConfig(readEnv())
if (!config) {
  for (const problem of problems) console.error(problem)
  process.exit(1)
}

try {
  const service = await createService(config)
  const stop = () => void service.close()
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  void service.failed.then((sentence) => {
    console.error(sentence)
    process.exitCode = 1
  })
  await service.start()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
