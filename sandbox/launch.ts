import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const PORTS_TRIED_MAX = 100
const READY_WITHIN_MS = 30_000
const READY_POLL_MS = 50
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

export interface Service {
  url: string
  /** undefined = it could not be started. */
  pid: number | undefined
  /** Resolves when the process itself says that it listens: on its port, another one may answer in its place. */
  listens: Promise<void>
  /** Resolves with the exit code when the process has ended; it has said why on our own stderr. */
  ended: Promise<number>
  /** SIGTERM unless said otherwise; resolves when the process has ended. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** The first port from `from` on that nobody listens on. */
export async function freePort(host: string, from: number): Promise<number> {
  for (let port = from; port < from + PORTS_TRIED_MAX; port += 1) {
    if (await isFree(host, port)) return port
  }
  throw new Error(`no free port between ${from} and ${from + PORTS_TRIED_MAX - 1}`)
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}

export const SERVICE_MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))
export const SETUP_MAIN = fileURLToPath(new URL('../src/setup.ts', import.meta.url))

/**
 * Starts `main` as its own process with exactly this environment, on port 0 on any free one. Of its log it shows what
 * LOG_LEVEL asks for, or nothing when it is quiet; what it says on stderr is always shown.
 */
export function launchService(
  main: string,
  host: string,
  port: number,
  environment: Record<string, string>,
  nodeFlags: readonly string[] = [],
  voice: 'loud' | 'quiet' = 'loud',
  words: readonly string[] = [],
): Service {
  const { LOG_LEVEL = 'info' } = environment
  const child = spawn(process.execPath, [...nodeFlags, main, ...words], {
    env: { ...environment, HOST: host, PORT: String(port), LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { promise: listens, resolve: listening } = Promise.withResolvers<void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { level, event } = entryIn(line)
    if (event === 'started') listening()
    if (voice === 'loud' && isShown(level, LOG_LEVEL)) process.stdout.write(`${line}\n`)
  })
  const ended = new Promise<number>((resolve) => {
    child.once('error', () => resolve(1))
    child.once('close', (code) => resolve(code ?? 1))
  })
  return {
    url: `http://${host}:${port}`,
    pid: child.pid,
    listens,
    ended,
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      await ended
    },
  }
}

/** Resolves when it listens and /readyz answers 200. Rejects when it stops before. */
export async function waitUntilReady(service: Service): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS
  const stopped = service.ended.then((code) => {
    throw new Error(`the service stopped with exit code ${code} before it was ready`)
  })
  await Promise.race([service.listens, stopped, delay(READY_WITHIN_MS, undefined, { ref: false })])
  while (Date.now() < deadline) {
    if (await Promise.race([isReady(service.url), stopped])) return
    await Promise.race([delay(READY_POLL_MS), stopped])
  }
  throw new Error(`the service was not ready within ${READY_WITHIN_MS / 1000} s`)
}

/** What a line of the service's log says of itself; {} = it is none. */
function entryIn(line: string): { level?: string; event?: string } {
  try {
    return JSON.parse(line) as { level?: string; event?: string }
  } catch {
    return {}
  }
}

function isShown(level: string | undefined, least: string): boolean {
  return level === undefined || LEVELS.indexOf(level) >= LEVELS.indexOf(least)
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) })
    await response.body?.cancel()
    return response.status === 200
  } catch {
    return false
  }
}
