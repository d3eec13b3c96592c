import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { type createAgent, exchange, exchangeHead } from '../exchange.ts'
import type { Check, Seen } from './examination.ts'

/** Certificates, tokens and signatures are refused from about five minutes on. Source: Microsoft Learn, AADSTS700024. */
const CLOCK_WRONG_MS = 240_000
const CLOCK_OFF_MS = 30_000

export interface NetworkOptions {
  /** Origins by the part of a check's id that names them: `entra`, `dynamics`, `marketo`. */
  hosts: Readonly<Record<string, string>>
  publicUrl: string | undefined
  agent: ReturnType<typeof createAgent>
  clock: Clock
}

/** Name resolution, TLS and an answer of any status for each host; the machine's clock against theirs. */
export function networkChecks({ hosts, publicUrl, agent, clock }: NetworkOptions): Check[] {
  const offsetsMs = new Map<string, number>()
  const reach = async (name: string, origin: string, { signal }: CallContext): Promise<Seen> => {
    const { status, header } = await exchangeHead(agent, requestTo(origin, '/'), signal).catch(
      (cause: unknown) => {
        throw new Unreachable(origin, cause)
      },
    )
    const date = Date.parse(header('date') ?? '')
    if (!Number.isNaN(date)) offsetsMs.set(name, clock.wall() - date)
    return { status: 'ok', seen: `${origin} answers (status ${status}).` }
  }
  const requestTo = (origin: string, path: string) => ({ origin, path, method: 'GET' as const, headers: {} })

  const names = Object.entries(hosts).map(([name, origin]) => ({ id: `${name}-network`, name, origin }))
  return [
    ...names.map(
      ({ id, name, origin }): Check => ({
        id,
        run: async (call) => reach(name, origin, call).catch(unreachable),
      }),
    ),
    {
      id: 'clock',
      run: async () => {
        await clock.sleep(0)
        return clockSeen(offsetsMs)
      },
      needs: names.map(({ id }) => id),
    },
    {
      id: 'public-url',
      run: ({ signal }) =>
        publicUrlSeen(publicUrl, (origin, path) => exchange(agent, requestTo(origin, path), signal)),
    },
  ]
}

class Unreachable extends Error {
  override readonly name = 'Unreachable'
  constructor(origin: string, cause: unknown) {
    super(origin, { cause })
  }
}

function unreachable(error: unknown): Seen {
  if (!(error instanceof Unreachable)) throw error
  return {
    status: 'fail',
    seen: `${error.message} cannot be reached (${codeOf(error.cause)}).`,
    advice:
      'Check the address in the settings, name resolution, the firewall, and the certificate of a proxy in between.',
    code: 'vendor-unavailable',
  }
}

/** Node's or OpenSSL's code, such as ENOTFOUND, ECONNREFUSED or CERT_HAS_EXPIRED. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0])
  if (error instanceof Error && 'code' in error) return String(error.code)
  return error instanceof Error ? error.message : 'unknown'
}

function clockSeen(offsetsMs: ReadonlyMap<string, number>): Seen {
  const [name, offsetMs] =
    [...offsetsMs].sort(([, one], [, other]) => Math.abs(other) - Math.abs(one))[0] ?? []
  if (offsetMs === undefined) return { status: 'skipped', seen: 'No vendor dated its answer.' }
  const seconds = Math.round(Math.abs(offsetMs) / 1_000)
  const seen = `The clock of this machine is ${seconds} s ${offsetMs < 0 ? 'behind' : 'ahead of'} that of ${name}.`
  if (seconds * 1_000 < CLOCK_OFF_MS) return { status: 'ok', seen }
  const status = seconds * 1_000 < CLOCK_WRONG_MS ? 'warn' : 'fail'
  return { status, seen, advice: 'Let NTP set the clock of this machine, then restart the service.' }
}

async function publicUrlSeen(
  publicUrl: string | undefined,
  get: (origin: string, path: string) => ReturnType<typeof exchange>,
): Promise<Seen> {
  if (publicUrl === undefined)
    return { status: 'skipped', seen: 'PUBLIC_URL is not set; the flow step needs it.' }
  const path = '/flow-step/openapi.json'
  const advice = 'Let PUBLIC_URL lead to this service through the load balancer.'
  const reply = await get(publicUrl, path).catch((cause: unknown) => codeOf(cause))
  if (typeof reply === 'string')
    return { status: 'fail', seen: `${publicUrl} cannot be reached (${reply}).`, advice }
  if (reply.status !== 200 || !reply.body.includes('"openapi"')) {
    return {
      status: 'fail',
      seen: `${publicUrl}${path} is not the document of the flow step (status ${reply.status}).`,
      advice,
    }
  }
  const seen = `${publicUrl} leads to a service with the flow step.`
  if (publicUrl.startsWith('https:')) return { status: 'ok', seen }
  return { status: 'warn', seen, advice: 'Marketo needs https: put a reverse proxy with TLS in front.' }
}
