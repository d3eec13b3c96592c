import { API_KEY, openPlayground, type PlaygroundOptions } from './playground.ts'
import { welcome } from './print.ts'

/** Serves until the signal; rejects when the service stops by itself. */
export async function serve(
  given: Pick<PlaygroundOptions, 'dataDirectory' | 'fieldsFile' | 'port'>,
  signal: AbortSignal,
): Promise<void> {
  const settings = { LOG_LEVEL: 'warn', SYNC_INTERVAL_SECONDS: '5' }
  try {
    await using playground = await openPlayground({ ...given, settings, signal })
    const { sandbox, service, fieldNotes } = playground
    process.stdout.write(welcome(sandbox, service.url, API_KEY, playground.dataDirectory))
    if (fieldNotes.length > 0) process.stdout.write(`Fields:\n\n  ${fieldNotes.join('\n  ')}\n\n`)
    const code = await service.ended
    throw new Error(`the service stopped with exit code ${code}`)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
