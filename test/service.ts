import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launchService, SERVICE_MAIN, waitUntilReady } from '../sandbox/launch.ts'

const HOST = '127.0.0.1'
const KEY = 'service-key-0123456789-0123456789-01234'

export interface RunningService extends AsyncDisposable {
  url: string
  pid: number | undefined
  key: string
}

/** The service as its own process, as an operator runs it, with a data directory of its own. */
export async function startService(
  environment: Record<string, string>,
  main = SERVICE_MAIN,
  nodeFlags: readonly string[] = [],
): Promise<RunningService> {
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-service-'))
  const service = launchService(
    main,
    HOST,
    await anyPort(),
    { API_KEYS: `test:${KEY}`, DATA_DIR: directory, LOG_LEVEL: 'error', ...environment },
    nodeFlags,
  )
  const stop = async () => {
    await service.stop()
    await rm(directory, { recursive: true, force: true })
  }
  await waitUntilReady(service).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return { url: service.url, pid: service.pid, key: KEY, [Symbol.asyncDispose]: stop }
}

/** A port of the system's choice: test files that start at the same time get different ones. */
function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, HOST, () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
