import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { SERVICE_MAIN } from '../../sandbox/launch.ts'

export interface VictimOptions {
  host: string
  environment: Record<string, string>
  /** Default: the service as an operator starts it. */
  main?: string
  /** What every life has logged, one after the other. */
  logFile: string
}

/**
 * The real service as its own process, which is killed and started again on the same data. Every life takes
 * a free port: one that is given up at a kill could be taken by somebody else's service before the next life.
 */
export class Victim {
  /** Address of the present life, or after a kill of the next one; rejects when it ends before it listens. */
  url: Promise<string>
  readonly #options: VictimOptions
  #child: ChildProcess | undefined
  #ended: Promise<unknown> = Promise.resolve()
  #born: (url: Promise<string>) => void = () => {}

  constructor(options: VictimOptions) {
    this.#options = options
    this.url = this.#nextLife()
  }

  start(): void {
    const { host, environment, main = SERVICE_MAIN, logFile } = this.#options
    const child = spawn(process.execPath, [main], {
      env: { ...environment, HOST: host, PORT: '0', LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    this.#ended = once(child, 'close')
    this.#born(
      new Promise((resolve, reject) => {
        createInterface({ input: child.stdout }).on('line', (line) => {
          appendFileSync(logFile, `${line}\n`)
          const url = addressIn(line)
          if (url !== undefined) resolve(url)
        })
        child.once('close', () => reject(new Error('the service ended before it listened')))
      }),
    )
  }

  /** Resolves when the process is gone, and its lock on the data with it. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.url = this.#nextLife()
    this.#child?.kill(signal)
    await this.#ended
  }

  /** SIGSTOP: it holds what it holds and does nothing, as on a machine that sleeps. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  #nextLife(): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>()
    this.#born = resolve
    promise.catch(() => {})
    return promise
  }
}

function addressIn(line: string): string | undefined {
  if (!line.includes('"event":"started"')) return undefined
  const { at } = JSON.parse(line) as { at?: string }
  return at
}
