import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const PORTS_TRIED_MAX = 100
const READY_WITHIN_MS = 30_000
const READY_POLL_MS = 50

export interface Service {
  url: string
  /** undefined = it could not be started. */
  pid: number | undefined
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

export const SERVICE_MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
export const SETUP_MAIN = fileURLToPath(new URL('../setup.ts', import.meta.url))

/** Starts `main` as its own process with exactly this environment. Quiet: only what it says on stderr is shown. */
export function launchService(
  main: string,
  host: string,
  port: number,
  environment: Record<string, string>,
  nodeFlags: readonly string[] = [],
  voice: 'loud' | 'quiet' = 'loud',
  words: readonly string[] = [],
): Service {
  const child = spawn(process.execPath, [...nodeFlags, main, ...words], {
    env: { ...environment, HOST: host, PORT: String(port) },
    stdio: ['ignore', voice === 'quiet' ? 'ignore' : 'inherit', 'inherit'],
  })
  const ended = new Promise<number>((resolve) => {
    child.once('error', () => resolve(1))
    child.once('close', (code) => resolve(code ?? 1))
  })
  return {
    url: `http://${host}:${port}`,
    pid: child.pid,
    ended,
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      await ended
    },
  }
}

/** Resolves when /readyz answers 200. Rejects when it stops before. */
export async function waitUntilReady(service: Service): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS
  const stopped = service.ended.then((code) => {
    throw new Error(`the service stopped with exit code ${code} before it was ready`)
  })
  while (Date.now() < deadline) {
    if (await Promise.race([isReady(service.url), stopped])) return
    await Promise.race([delay(READY_POLL_MS), stopped])
  }
  throw new Error(`the service was not ready within ${READY_WITHIN_MS / 1000} s`)
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
