import type { CampaignCall } from './people.ts'

const PATHS = {
  rest: '/v1/flow-actions/sync-person-to-microsoft',
  webhook: '/webhooks/marketo/sync-person-to-microsoft',
} as const
const SENDS_MAX = 50
/** The database is away, or the service slept while the request came: whoever asked asks again. */
const NOT_STORED = ['"code":"store-unavailable"', '"code":"request-timeout"']

export interface Answered {
  tag: string
  key?: string
  status: number
  /** The exact bytes. */
  text: string
  requestId: string
  outcome: string
  recordId?: string
}

/** Behaves as a campaign engine does: calls, and after no answer calls again. */
export class Engine {
  readonly answers: Answered[] = []
  sent = 0
  unanswered = 0
  /** Answers that say that nothing was stored. */
  refused = 0
  /** Of whoever is called next. */
  readonly #target: { readonly url: Promise<string> }
  readonly #apiKey: string

  constructor(target: { readonly url: Promise<string> }, apiKey: string) {
    this.#target = target
    this.#apiKey = apiKey
  }

  /** Until there is an answer; with `once` the engine gives up after the first silence. */
  async call(call: CampaignCall, once: boolean): Promise<void> {
    for (let sends = 1; sends <= SENDS_MAX; sends += 1) {
      const url = await this.#address()
      if (url === undefined) continue
      const answer = await this.#send(url, call)
      if (answer) {
        this.answers.push(answer)
        return
      }
      this.unanswered += 1
      if (once) return
    }
    throw new Error(`no answer for ${call.tag} after ${SENDS_MAX} calls`)
  }

  /** undefined = 404. */
  async read(path: string): Promise<Record<string, unknown> | undefined> {
    const response = await fetch(`${await this.#target.url}${path}`, {
      headers: { 'x-api-key': this.#apiKey },
    })
    const body = (await response.json()) as Record<string, unknown>
    if (response.status === 404) return undefined
    if (response.status !== 200) throw new Error(`GET ${path} answered ${response.status}`)
    return body
  }

  /** undefined = it was killed before it listened. */
  #address(): Promise<string | undefined> {
    return this.#target.url.catch(() => undefined)
  }

  async #send(url: string, call: CampaignCall): Promise<Answered | undefined> {
    const { tag, source, body, key } = call
    this.sent += 1
    try {
      const response = await fetch(`${url}${PATHS[source]}`, {
        method: 'POST',
        headers: {
          'x-api-key': this.#apiKey,
          'content-type': 'application/json',
          ...(key !== undefined && { 'idempotency-key': key }),
        },
        body,
      })
      const text = await response.text()
      if (NOT_STORED.some((code) => text.includes(code))) {
        this.refused += 1
        return undefined
      }
      const { requestId, outcome, recordId } = JSON.parse(text) as Answered
      return {
        tag,
        status: response.status,
        text,
        requestId,
        outcome,
        ...(key !== undefined && { key }),
        ...(recordId !== undefined && { recordId }),
      }
    } catch (error) {
      // fetch says TypeError for a connection that was refused, reset or cut.
      if (error instanceof TypeError) return undefined
      throw error
    }
  }
}
