import { isMembers } from '../request.ts'
import { at, firstGap, isText, isUrl, listOf, show } from './look.ts'
import { readScheme, type Scheme, schemeProblems } from './security.ts'

/** Paths that a provider may leave out; those in the document are in use. */
const OPTIONAL_PATHS = ['/getPicklist', '/brandIcon', '/serviceIcon', '/providerInstructions'] as const
export type OptionalPath = (typeof OPTIONAL_PATHS)[number]

/** What Marketo takes from a provider's OpenAPI document. */
export interface InstallDocument {
  title: string
  providerName: string
  /** Without a slash at the end. */
  baseUrl: string
  scheme: Scheme
  offers: ReadonlySet<OptionalPath>
}

export interface DocumentFindings {
  /** Absent when too little is right to go on. */
  document?: InstallDocument
  violations: readonly string[]
}

interface Demand {
  path: readonly string[]
  must: string
  is(value: unknown): boolean
}

const anObject = (path: readonly string[]): Demand => ({ path, must: 'be an object', is: isMembers })
const aText = (path: readonly string[]): Demand => ({ path, must: 'be a text', is: isText })
const exactly = (path: readonly string[], wanted: string): Demand => ({
  path,
  must: `be ${wanted}`,
  is: (value) => value === wanted,
})
const refersTo = (path: readonly string[], schema: string) =>
  exactly([...path, 'content', 'application/json', 'schema', '$ref'], `#/components/schemas/${schema}`)

const SUBMIT = ['paths', '/submitAsyncAction', 'post']
/** The literal key, although the address travels in `callbackUrl`. */
const CALLBACK = ['callbacks', 'selfServiceFlowComplete', '{$request.body#/flowComplete}', 'post']
const answered = (path: string, method = 'get') => ['paths', path, method, 'responses', '200']

/** Demands of Adobe's meta-schema for providers, version 1.0.0. */
const DEMANDS: readonly Demand[] = [
  { path: ['openapi'], must: 'be 3.0.x', is: (value) => /^3\.0\.\d+$/.test(String(value)) },
  aText(['info', 'title']),
  aText(['info', 'version']),
  aText(['info', 'x-providerName']),
  exactly(['info', 'x-schemaVersion'], '1.0.0'),
  { path: ['info', 'x-supportContact'], must: 'be an e-mail address or a URL', is: isContact },
  anObject(['components', 'schemas']),
  anObject(['components', 'securitySchemes']),
  refersTo([...SUBMIT, 'requestBody'], 'async'),
  ...['201', '400', '401', '403', '429', '500'].map((status) => anObject([...SUBMIT, 'responses', status])),
  { path: [...SUBMIT, ...CALLBACK, 'parameters'], must: `name ${callbackHeaders()}`, is: namesHeaders },
  refersTo([...SUBMIT, ...CALLBACK, 'requestBody'], 'flowCallBack'),
  ...['404', '405'].map((status) => anObject([...SUBMIT, ...CALLBACK, 'responses', status])),
  refersTo(answered('/getServiceDefinition'), 'serviceDefinition'),
  refersTo(answered('/status'), 'serviceStatus'),
]

const OPTIONAL_DEMANDS: Readonly<Record<OptionalPath, Demand>> = {
  '/getPicklist': refersTo(answered('/getPicklist', 'post'), 'picklistObject'),
  '/brandIcon': anObject([...answered('/brandIcon'), 'content', 'image/*']),
  '/serviceIcon': anObject([...answered('/serviceIcon'), 'content', 'image/*']),
  '/providerInstructions': anObject([...answered('/providerInstructions'), 'content', 'text/html']),
}

/** `value` is the parsed document, `url` where it was found. */
export function readDocument(value: unknown, url: string): DocumentFindings {
  const offers = OPTIONAL_PATHS.filter((path) => at(value, ['paths', path]) !== undefined)
  const demands = [...DEMANDS, ...offers.map((path) => OPTIONAL_DEMANDS[path])]
  const scheme = readScheme(value, url)
  const server = at(listOf(at(value, ['servers']))[0], ['url'])
  const hasServer = at(value, ['servers']) !== undefined
  const violations = [
    ...demands.flatMap((demand) => problemOf(value, demand)),
    ...(typeof scheme === 'string' ? [scheme] : []),
    ...schemeProblems(value, url),
    ...danglingReferences(value),
    ...(hasServer && !isUrl(server, url) ? [`servers[0].url is ${show(server)}: it must be a URL`] : []),
  ]
  const found = { violations: [...new Set(violations)] }
  if (typeof scheme === 'string' || !isMembers(value)) return found
  const document = {
    title: String(at(value, ['info', 'title'])),
    providerName: String(at(value, ['info', 'x-providerName'])),
    baseUrl: new URL(isUrl(server, url) ? server : '.', url).href.replace(/\/$/, ''),
    scheme,
    offers: new Set(offers),
  }
  return { ...found, document }
}

function problemOf(document: unknown, { path, must, is }: Demand): string[] {
  const value = at(document, path)
  if (value === undefined) return [`${firstGap(document, path).join('.')} is missing`]
  return is(value) ? [] : [`${path.join('.')} is ${show(value)}: it must ${must}`]
}

function isContact(value: unknown): boolean {
  return isUrl(value) || /^[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+$/.test(String(value))
}

function callbackHeaders(): string {
  return 'the headers x-api-key and x-callback-token'
}

function namesHeaders(value: unknown): boolean {
  const headers = listOf(value).filter((each) => at(each, ['in']) === 'header')
  const names = headers.map((each) => String(at(each, ['name'])).toLowerCase())
  return names.includes('x-api-key') && names.includes('x-callback-token')
}

/** A sentence for each local reference that leads nowhere. */
function danglingReferences(document: unknown): string[] {
  const references = new Set<string>()
  JSON.stringify(document, (key, value: unknown) => {
    if (key === '$ref' && typeof value === 'string') references.add(value)
    return value
  })
  return [...references]
    .filter(
      (reference) => at(document, reference.replace(/^#\//, '').split('/').map(unescaped)) === undefined,
    )
    .map((reference) => `$ref ${show(reference)} leads nowhere`)
}

/** RFC 6901. */
function unescaped(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~')
}
