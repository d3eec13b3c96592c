import { API_KEY, openPlayground } from './playground.ts'
import { welcome } from './print.ts'

/** Serves until the signal; rejects when the service stops by itself. */
export async function serve(dataDirectory: string | undefined, signal: AbortSignal): Promise<void> {
  const settings = { LOG_LEVEL: 'warn', SYNC_INTERVAL_SECONDS: '5' }
  try {
    await using playground = await openPlayground({
      settings,
      signal,
      ...(dataDirectory !== undefined && { dataDirectory }),
    })
    const { sandbox, service } = playground
    process.stdout.write(welcome(sandbox, service.url, API_KEY, playground.dataDirectory))
    const code = await service.ended
    throw new Error(`the service stopped with exit code ${code}`)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
