import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startSandbox } from './index.ts'
import { freePort, launchService, SERVICE_MAIN, waitUntilReady } from './launch.ts'
import { welcome } from './print.ts'

const HOST = '127.0.0.1'
const API_KEY = 'sandbox-demo-key-0123456789-0123456789'

const { values } = parseArgs({ options: { data: { type: 'string' } } })
const dataDirectory = values.data ?? (await mkdtemp(join(tmpdir(), 'sync-person-')))
const sandbox = await startSandbox({ host: HOST })
const service = launchService(SERVICE_MAIN, HOST, await freePort(HOST, 8080), {
  ...sandbox.environment(),
  API_KEYS: `demo:${API_KEY}`,
  DATA_DIR: dataDirectory,
  LOG_LEVEL: 'warn',
})
let asked = false
const stop = () => {
  asked = true
  void service.stop()
}
process.on('SIGINT', stop).on('SIGTERM', stop)
try {
  await waitUntilReady(service)
  process.stdout.write(welcome(sandbox, service.url, API_KEY, dataDirectory))
  const code = await service.ended
  if (!asked) throw new Error(`the service stopped with exit code ${code}`)
} catch (error) {
  if (!asked) process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = asked ? 0 : 1
} finally {
  await service.stop()
  await sandbox.close()
  if (values.data === undefined) await rm(dataDirectory, { recursive: true, force: true })
}
