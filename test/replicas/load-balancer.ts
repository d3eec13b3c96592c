import {
  createServer as createHttpServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Victim } from '../crash/victim.ts'

const HOST = '127.0.0.1'
const CHECK_EVERY_MS = 250
const CHECK_TIMEOUT_MS = 1_000

/** Asks each replica whether it is ready, and sends each call to the next one that was. Repeats no call. */
export class LoadBalancer implements AsyncDisposable {
  readonly url: string
  readonly #ready = new Map<Victim, string>()
  readonly #stopping = new AbortController()
  readonly #close: () => Promise<unknown>
  #turn = 0

  private constructor(url: string, close: () => Promise<unknown>) {
    this.url = url
    this.#close = close
  }

  static async start(replicas: readonly Victim[]): Promise<LoadBalancer> {
    const server = createHttpServer((from, to) => void balancer.#pass(from, to))
    await new Promise<void>((resolve) => server.listen(0, HOST, resolve))
    const { port } = server.address() as AddressInfo
    const balancer: LoadBalancer = new LoadBalancer(`http://${HOST}:${port}`, async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    for (const replica of replicas) void balancer.#watch(replica)
    return balancer
  }

  /** Replicas that were well when they were last asked. */
  get ready(): number {
    return this.#ready.size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#close()
  }

  async #watch(replica: Victim): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const url = await Promise.race([replica.url.catch(() => undefined), delay(CHECK_EVERY_MS)])
      const isReady = url !== undefined && (await isWell(url))
      if (isReady) this.#ready.set(replica, url)
      else this.#ready.delete(replica)
      await delay(CHECK_EVERY_MS, undefined, { signal }).catch(() => {})
    }
  }

  async #pass(from: IncomingMessage, to: ServerResponse): Promise<void> {
    const ready = [...this.#ready.values()]
    this.#turn += 1
    const url = ready[this.#turn % ready.length]
    if (url === undefined) {
      to.writeHead(502).end()
      return
    }
    const { method, headers } = from
    const onward = request(new URL(from.url ?? '/', url), { method, headers, agent: false }, (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(to)
    })
    onward.on('error', () => to.writeHead(502).end())
    from.pipe(onward)
  }
}

async function isWell(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(CHECK_TIMEOUT_MS) }).catch(
    () => undefined,
  )
  await answer?.body?.cancel()
  return answer?.status === 200
}
