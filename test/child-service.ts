import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { SERVICE_MAIN } from '../sandbox/launch.ts'

export const KEY = 'child-key-0123456789-0123456789-0123456'

/** All that a start needs; nothing answers at these addresses. */
export const NOWHERE = {
  DATAVERSE_URL: 'https://127.0.0.1:1',
  ENTRA_AUTHORITY: 'https://127.0.0.1:1',
  ENTRA_TENANT_ID: '11111111-1111-4111-8111-111111111111',
  ENTRA_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
  ENTRA_CLIENT_SECRET: 's',
}

export interface ChildService extends AsyncDisposable {
  pid: number | undefined
  /** Its address once it listens; rejects when it ends before. */
  url: Promise<string>
  /** What it has logged, line by line. */
  log: string[]
  /** Exit code and what it said on stderr. */
  ended: Promise<{ code: number | null; errors: string }>
}

/** The service as a process of its own, as an operator runs it; `wrapper` is a command that runs it in its turn, `flags` are Node's. */
export function startChild(
  environment: Record<string, string>,
  wrapper: readonly string[] = [],
  flags: readonly string[] = [],
): ChildService {
  const [command = '', ...args] = [...wrapper, process.execPath, ...flags, SERVICE_MAIN]
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH ?? '', API_KEYS: `child:${KEY}`, PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log: string[] = []
  const listening = Promise.withResolvers<string>()
  listening.promise.catch(() => {})
  createInterface({ input: child.stdout }).on('line', (line) => {
    log.push(line)
    const { event, at } = JSON.parse(line) as { event?: string; at?: string }
    if (event === 'started' && at !== undefined) listening.resolve(at)
  })
  const ended = Promise.all([once(child, 'close'), text(child.stderr)]).then(([[code], errors]) => {
    listening.reject(new Error(`The service ended with code ${code}: ${errors}`))
    return { code, errors }
  })
  return {
    pid: child.pid,
    url: listening.promise,
    log,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
