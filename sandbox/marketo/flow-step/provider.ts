import type { Sign } from './credentials.ts'
import { type Bounds, exchange, type Received, type Sent, silence } from './exchange.ts'

export interface ProviderParts extends Bounds {
  baseUrl: string
  sign: Sign
}

/** A provider's endpoints, below the base that its document names. */
export class Provider {
  readonly #parts: ProviderParts

  constructor(parts: ProviderParts) {
    this.#parts = parts
  }

  get(path: string): Promise<Received> {
    return this.#signed(this.#sent('GET', path))
  }

  /** Without credentials, as a browser loads an icon. */
  look(path: string): Promise<Received> {
    return exchange(this.#sent('GET', path), this.#parts)
  }

  post(path: string, body: Buffer, timeoutMs = this.#parts.timeoutMs): Promise<Received> {
    const sent = this.#sent('POST', path)
    const headers = { ...sent.headers, 'content-type': 'application/json' }
    return this.#signed({ ...sent, headers, body }, timeoutMs)
  }

  #sent(method: Sent['method'], path: string): Sent {
    return { method, url: `${this.#parts.baseUrl}${path}`, headers: { accept: '*/*' } }
  }

  async #signed(sent: Sent, timeoutMs = this.#parts.timeoutMs): Promise<Received> {
    const bounds = { signal: this.#parts.signal, timeoutMs }
    try {
      return await exchange(await this.#parts.sign(sent, bounds), bounds)
    } catch (error) {
      return silence(error instanceof Error ? error.message : String(error))
    }
  }
}
