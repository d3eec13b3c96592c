import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export interface ReceivedCallback {
  token: string
  key: string
  body: string
  /** The status that it was answered with; 0 = the connection was cut, -1 = nothing was said. */
  status: number
}

export interface CallbackItem {
  leadData: Record<string, unknown>
  activityData: Record<string, unknown>
}

const LOOK_EVERY_MS = 10

/** Marketo's end of a flow step's callbacks: takes a token once, 404 from then on, as its interface says. */
export class CallbackReceiver implements AsyncDisposable {
  readonly received: ReceivedCallback[] = []
  /** Answers of coming callbacks, before the token is looked at; 0 cuts the connection, -1 says nothing. Then 202. */
  answers: number[] = []
  /** Takes the token, and cuts the connection before it says so. */
  cutsAfterTaking = 0
  readonly #taken = new Set<string>()
  readonly #server = createServer((request, response) => {
    // Who is killed while it sends has sent nothing.
    const left = () => {}
    void read(request).then((body) => {
      const status = this.#judge(String(request.headers['x-callback-token']))
      const cut = status === 202 && this.cutsAfterTaking > 0
      if (cut) this.cutsAfterTaking -= 1
      this.received.push({
        token: String(request.headers['x-callback-token']),
        key: String(request.headers['x-api-key']),
        body,
        status,
      })
      if (status === 0 || cut) return void request.socket.destroy()
      if (status > 0) response.writeHead(status).end()
    }, left)
  })

  static async listen(): Promise<CallbackReceiver> {
    const receiver = new CallbackReceiver()
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve))
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/callback`
  }

  /** Callbacks that were taken, by token. */
  get taken(): readonly ReceivedCallback[] {
    return this.received.filter(({ status }) => status === 202)
  }

  /** The first callback of the token that was taken. */
  async takenFor(
    token: string,
    withinMs = 10_000,
  ): Promise<{ munchkinId: string; objectData: CallbackItem[] }> {
    for (let waited = 0; waited < withinMs; waited += LOOK_EVERY_MS) {
      const found = this.taken.find((one) => one.token === token)
      if (found) return JSON.parse(found.body)
      await delay(LOOK_EVERY_MS)
    }
    throw new Error(`no callback for ${token} within ${withinMs} ms`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }

  #judge(token: string): number {
    const answer = this.answers.shift()
    if (answer !== undefined) return answer
    if (this.#taken.has(token)) return 404
    this.#taken.add(token)
    return 202
  }
}

async function read(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString('utf8')
}
