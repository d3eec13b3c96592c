import { isMembers } from '../request.ts'
import { at, isText, isUrl, listOf, show } from './look.ts'

/** How Marketo proves who it is. */
export type Scheme =
  | { kind: 'apiKey'; name: string; in: 'header' | 'query' | 'cookie' }
  | { kind: 'basic' }
  | { kind: 'oauth2'; tokenUrl: string; grantType: string; idName: string; secretName: string }

export const SCHEMES = ['apiKey', 'basic', 'oauth2'] as const

const PLACES = ['header', 'query', 'cookie'] as const

/** The first scheme of the root `security`: Marketo looks at no other. `url` is the document's own. */
export function readScheme(document: unknown, url: string): Scheme | string {
  const [first] = listOf(at(document, ['security']))
  const names = isMembers(first) ? Object.keys(first) : []
  const name = SCHEMES.find((known) => names.length === 1 && known === names[0])
  if (!name) return `security[0] is ${show(first)}: it must name one of ${SCHEMES.join(', ')}`
  return toScheme(at(document, ['components', 'securitySchemes', name]), name, url)
}

/** A sentence for each declared scheme that Marketo would not understand. */
export function schemeProblems(document: unknown, url: string): string[] {
  const declared = at(document, ['components', 'securitySchemes'])
  if (!isMembers(declared)) return []
  return Object.entries(declared).flatMap(([name, value]) => {
    const scheme = toScheme(value, name, url)
    return typeof scheme === 'string' ? [scheme] : []
  })
}

function toScheme(value: unknown, name: string, url: string): Scheme | string {
  const where = `components.securitySchemes.${name}`
  if (!isMembers(value)) return `${where} is missing`
  switch (value.type) {
    case 'apiKey': {
      const place = PLACES.find((known) => known === value.in)
      if (isText(value.name) && place) return { kind: 'apiKey', name: value.name, in: place }
      return `${where} must have a name, and in as one of ${PLACES.join(', ')}`
    }
    case 'http':
      return value.scheme === 'basic' ? { kind: 'basic' } : `${where}.scheme must be basic`
    case 'oauth2':
      return toOauth(value.flows, `${where}.flows`, url)
    default:
      return `${where}.type is ${show(value.type)}: it must be apiKey, http or oauth2`
  }
}

/** With several flows the authorization code wins, which takes a browser. Adobe, service provider interface. */
function toOauth(flows: unknown, where: string, url: string): Scheme | string {
  const name = ['authorizationCode', 'clientCredentials'].find((known) => isMembers(at(flows, [known])))
  const flow = name === undefined ? undefined : at(flows, [name])
  if (!isMembers(flow)) return `${where} must have clientCredentials or authorizationCode`
  const { tokenUrl, scopes } = flow
  if (!isUrl(tokenUrl, url)) return `${where}.${name}.tokenUrl must be a URL`
  if (!isMembers(scopes) || Object.keys(scopes).length > 0) return `${where}.${name}.scopes must be {}`
  if (name === 'authorizationCode' && !isUrl(flow.authorizationUrl, url)) {
    return `${where}.${name}.authorizationUrl must be a URL`
  }
  const named = (extension: string, usual: string) => {
    const told = flow[extension]
    return isText(told) ? told : usual
  }
  return {
    kind: 'oauth2',
    tokenUrl: new URL(tokenUrl, url).href,
    grantType:
      name === 'authorizationCode' ? 'authorization_code' : named('x-grantTypeName', 'client_credentials'),
    idName: named('x-clientIdName', 'client_id'),
    secretName: named('x-clientSecretName', 'client_secret'),
  }
}
