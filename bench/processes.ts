import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import packageJson from '../package.json' with { type: 'json' }

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const READY_WITHIN_MS = 30_000
const READY_POLL_MS = 5

/** One of the bench's own processes; asked one thing at a time. */
export class Helper {
  readonly #child: ChildProcess
  readonly #ended: Promise<never>

  constructor(
    file: string,
    { env = {}, argv = [], flags = [] }: { env?: Record<string, string>; argv?: string[]; flags?: string[] },
  ) {
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), argv, { env, execArgv: flags })
    this.#ended = once(this.#child, 'exit').then(([code]) => {
      throw new Error(`${file} ended with exit code ${code}`)
    })
    this.#ended.catch(() => {})
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** The first message is what the process has to say when it is ready. */
  async hello<T>(): Promise<T> {
    const [message] = await Promise.race([once(this.#child, 'message'), this.#ended])
    return message as T
  }

  async ask<T>(question: object): Promise<T> {
    this.#child.send(question)
    return this.hello<T>()
  }

  async stop(): Promise<void> {
    this.#child.disconnect()
    await this.#ended.catch(() => {})
  }
}

export interface ServiceProcess {
  url: string
  pid: number
  /** From spawn to the first 200 of /readyz. */
  readyMs: number
  stop(): Promise<void>
}

/** The service as it runs in production, its log thrown away. */
export async function startService(
  port: number,
  environment: Record<string, string>,
): Promise<ServiceProcess> {
  const url = `http://127.0.0.1:${port}`
  const startedAt = performance.now()
  const child = spawn(process.execPath, startArguments(), {
    env: { ...environment, PORT: String(port) },
    cwd: PROJECT,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exit = once(child, 'exit')
  const stopped = exit.then(([code]) => {
    throw new Error(`the service ended with exit code ${code}`)
  })
  stopped.catch(() => {})
  while (!(await Promise.race([isReady(url), stopped]))) {
    if (performance.now() - startedAt > READY_WITHIN_MS) throw new Error('the service was not ready in time')
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS))
  }
  return {
    url,
    pid: child.pid ?? 0,
    readyMs: performance.now() - startedAt,
    async stop() {
      child.kill('SIGTERM')
      await exit
    },
  }
}

/** What `npm start` gives to node, flags included. */
function startArguments(): string[] {
  return packageJson.scripts.start.split(' ').slice(1)
}

/** The flags alone. */
export function startFlags(): string[] {
  return startArguments().filter(
    (argument) => argument.startsWith('--') && !argument.startsWith('--env-file'),
  )
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`)
    await response.body?.cancel()
    return response.status === 200
  } catch {
    return false
  }
}
