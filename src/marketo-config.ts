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
