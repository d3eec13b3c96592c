import { type Problems, readOrigin } from './setting.ts'

export interface MarketoConfig {
  /** Origin of the REST API, such as https://123-ABC-456.mktorest.com. */
  url: string
  clientId: string
  clientSecret: string
  /** This service's share of the subscription's calls a day. */
  dailyCallsMax: number
}

const NAMES = ['MARKETO_URL', 'MARKETO_CLIENT_ID', 'MARKETO_CLIENT_SECRET'] as const

/** All three or none: without them Marketo is not asked. */
export function readMarketo(
  values: Readonly<Partial<Record<string, string>>>,
  dailyCallsMax: number,
  problems: Problems,
): { marketo?: MarketoConfig } {
  const { MARKETO_URL: url, MARKETO_CLIENT_ID: clientId, MARKETO_CLIENT_SECRET: clientSecret } = values
  const missing = NAMES.filter((name) => values[name] === undefined)
  if (url !== undefined && clientId !== undefined && clientSecret !== undefined) {
    return {
      marketo: { url: readOrigin('MARKETO_URL', url, problems), clientId, clientSecret, dailyCallsMax },
    }
  }
  if (missing.length < NAMES.length) {
    problems.push(`${missing.join(' and ')} missing: set ${NAMES.join(', ')} together, or none of them.`)
  }
  return {}
}

const MUNCHKIN_ID = /^\d{3}-[A-Z]{3}-\d{3}$/

/** Adobe's own hosts begin with it: 123-ABC-456.mktorest.com. */
function munchkinIdIn(url: string | undefined): string | undefined {
  const host = url === undefined ? '' : (URL.parse(url)?.hostname ?? '')
  const [label = ''] = host.toUpperCase().split('.')
  return host.endsWith('.mktorest.com') && MUNCHKIN_ID.test(label) ? label : undefined
}

/** Which subscription it is: the store is bound to it. */
export function readMunchkinId(
  { MARKETO_URL: url, MARKETO_MUNCHKIN_ID: given }: Readonly<Partial<Record<string, string>>>,
  problems: Problems,
): { munchkinId?: string } {
  const named = munchkinIdIn(url)
  const munchkinId = given?.toUpperCase() ?? named
  if (munchkinId === undefined) return {}
  if (!MUNCHKIN_ID.test(munchkinId)) {
    problems.push('MARKETO_MUNCHKIN_ID is not a munchkin id such as 123-ABC-456 (Admin → Munchkin).')
  } else if (named !== undefined && named !== munchkinId) {
    problems.push(
      `MARKETO_MUNCHKIN_ID is ${munchkinId}, and MARKETO_URL belongs to ${named}: correct one of them.`,
    )
  }
  return { munchkinId }
}

export function unnamedSubscription(values: Readonly<Partial<Record<string, string>>>): string[] {
  const { MARKETO_URL: url, MARKETO_MUNCHKIN_ID: given } = values
  if (url === undefined || given !== undefined || munchkinIdIn(url) !== undefined) return []
  return [
    'MARKETO_URL does not identify the subscription: set MARKETO_MUNCHKIN_ID. Until then the store is bound to the host of MARKETO_URL.',
  ]
}
