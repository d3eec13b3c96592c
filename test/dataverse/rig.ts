import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../../src/clock.ts'
import { createClient, createSender } from '../../src/dataverse/client.ts'
import { Limiter } from '../../src/dataverse/limiter.ts'
import { type DataverseSettings, defaultSettings } from '../../src/dataverse/settings.ts'
import type { Tokens } from '../../src/dataverse/token.ts'
import { createAgent } from '../../src/exchange.ts'
import type { Log } from '../../src/log.ts'
import { countingRandom } from './manual-clock.ts'

export interface Seen {
  method: string
  path: string
  headers: IncomingMessage['headers']
  body: string
}

export type Answer = (response: ServerResponse, seen: Seen) => void

/** A real server on loopback that answers by script, and remembers what it was asked. */
export async function scriptedServer(answer: Answer) {
  const seen: Seen[] = []
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const entry = { method, path, headers, body: Buffer.concat(chunks).toString() }
      seen.push(entry)
      answer(response, entry)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Answers one after the other; the last one for ever. */
export function inTurn(...answers: Answer[]): Answer {
  let turn = 0
  return (response, seen) => {
    const answer = answers[Math.min(turn, answers.length - 1)]
    turn += 1
    answer?.(response, seen)
  }
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json; odata.metadata=minimal', ...headers })
    response.end(JSON.stringify(body))
  }
}

export function refusal(status: number, code: string, message: string, headers: Record<string, string> = {}) {
  return json(status, { error: { code, message } }, headers)
}

/** A log that keeps its lines, to be searched for what must not be in it. */
export function listeningLog() {
  const lines: string[] = []
  const keep = (event: object) => void lines.push(JSON.stringify(event))
  const log: Log = { debug: keep, warn: keep }
  return { log, lines }
}

/** A client without Entra: tokens are counted instead. */
export function bareClient(origin: string, changed: Partial<DataverseSettings> = {}) {
  const settings = { ...defaultSettings, ...changed }
  const closing = new AbortController()
  const { log, lines } = listeningLog()
  let version = 1
  const tokens: Tokens = {
    get: async () => `token-${version}`,
    refresh: async () => {
      version += 1
      return `token-${version}`
    },
  }
  const dispatcher = createAgent(settings)
  const limiter = new Limiter({ settings, clock: systemClock, closing: closing.signal })
  const sender = createSender({ origin, dispatcher, limiter, settings, clock: systemClock, log })
  const client = createClient({ sender, tokens, settings, clock: systemClock, random: countingRandom() })
  return {
    client,
    limiter,
    settings,
    clock: systemClock,
    stats: sender.stats,
    lines,
    async [Symbol.asyncDispose]() {
      closing.abort()
      await dispatcher.destroy()
    },
  }
}

export const call = { signal: new AbortController().signal }
