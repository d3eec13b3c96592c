import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { startSandbox } from '../../sandbox/index.ts'
import { readDefinition } from '../../sandbox/marketo/flow-step/definition.ts'
import { readDocument } from '../../sandbox/marketo/flow-step/document.ts'
import { changed, goodDefinition, goodDocument, KEY, type Play, startProvider } from './flow-step-provider.ts'
import { connectMarketo, resultOf } from './marketo-client.ts'

test('a good provider is installed: asked in order, mapped where its suggestions fit, and a type of activity', async () => {
  await using client = await connectMarketo()
  await using provider = await startProvider()
  const { flowSteps } = client.marketo
  const report = await flowSteps.install({ url: `${provider.url}/openapi.json`, credentials: KEY })
  assert.deepEqual(report.violations, [])
  assert.deepEqual(
    provider.heard.map(({ method, path, headers }) => `${method} ${path} ${headers['x-tables-key'] ?? '-'}`),
    [
      'GET /openapi.json -',
      'GET /status k1',
      'GET /serviceIcon -',
      'GET /providerInstructions -',
      'GET /getServiceDefinition k1',
      'POST /getPicklist k1',
    ],
  )
  assert.deepEqual(JSON.parse(provider.heard.at(-1)?.body ?? ''), { name: 'table', type: 'flow' })
  const { definition: _, ...told } = report
  assert.deepEqual(told, {
    installed: true,
    violations: [],
    serviceId: 1,
    title: 'Look-up',
    status: { info: ['all is well'], warnings: [], errors: [] },
    icons: { serviceIcon: { type: 'image/png', bytes: 8 } },
    instructions: '<h1>How</h1>',
    picklists: [
      {
        name: 'table',
        kind: 'flow',
        choices: [
          { displayValue: 'countries', submittedValue: 'countries' },
          { displayValue: 'cities', submittedValue: 'cities' },
        ],
      },
    ],
    mapping: {
      outgoing: { mail: 'email', firm: 'company' },
      incoming: { dept: 'department', optedOut: 'unsubscribed' },
    },
    unmatched: ['shoeSize', 'leadScore', 'noSuchField'],
  })
  const types = resultOf(await client.send('/rest/v1/activities/types.json'))
  const { id, name, apiName } = types.at(-1) ?? {}
  assert.deepEqual([id, name, apiName], [100_001, 'Look Up', 'lookUp'])
})

type Change = [path: (string | number)[], to: unknown, violation: string]
const SUBMIT = ['paths', '/submitAsyncAction', 'post']
const CALLBACK = [...SUBMIT, 'callbacks', 'selfServiceFlowComplete', '{$request.body#/flowComplete}', 'post']
const LITERAL = CALLBACK.slice(0, -1)
const schemeAt = ['components', 'securitySchemes', 'apiKey']
const oauth = (flows: object) => ({ type: 'oauth2', flows })
const definitionRef = 'paths./getServiceDefinition.get.responses.200.content.application/json.schema.$ref'

const documents: Change[] = [
  [['openapi'], '3.1.0', 'openapi is "3.1.0": it must be 3.0.x'],
  [['info', 'title'], '', 'info.title is "": it must be a text'],
  [['info', 'version'], 1, 'info.version is 1: it must be a text'],
  [['info', 'x-providerName'], undefined, 'info.x-providerName is missing'],
  [['info', 'x-schemaVersion'], '0.2.2', 'info.x-schemaVersion is "0.2.2": it must be 1.0.0'],
  [
    ['info', 'x-supportContact'],
    'call me',
    'info.x-supportContact is "call me": it must be an e-mail address or a URL',
  ],
  [['security'], undefined, 'security[0] is nothing: it must name one of apiKey, basic, oauth2'],
  [['security'], [{ mine: [] }], 'security[0] is {"mine":[]}: it must name one of apiKey, basic, oauth2'],
  [['security'], [{ basic: [] }], 'components.securitySchemes.basic is missing'],
  [
    [...schemeAt, 'in'],
    'body',
    'components.securitySchemes.apiKey must have a name, and in as one of header, query, cookie',
  ],
  [
    [...schemeAt, 'type'],
    'openIdConnect',
    'components.securitySchemes.apiKey.type is "openIdConnect": it must be apiKey, http or oauth2',
  ],
  [schemeAt, { type: 'http', scheme: 'bearer' }, 'components.securitySchemes.apiKey.scheme must be basic'],
  [
    schemeAt,
    oauth({}),
    'components.securitySchemes.apiKey.flows must have clientCredentials or authorizationCode',
  ],
  [
    schemeAt,
    oauth({ clientCredentials: { tokenUrl: '/token', scopes: { all: 'x' } } }),
    'components.securitySchemes.apiKey.flows.clientCredentials.scopes must be {}',
  ],
  [
    schemeAt,
    oauth({ clientCredentials: { tokenUrl: 'ftp://x', scopes: {} } }),
    'components.securitySchemes.apiKey.flows.clientCredentials.tokenUrl must be a URL',
  ],
  [
    schemeAt,
    oauth({ authorizationCode: { tokenUrl: '/token', scopes: {} } }),
    'components.securitySchemes.apiKey.flows.authorizationCode.authorizationUrl must be a URL',
  ],
  [['components', 'securitySchemes'], undefined, 'components.securitySchemes is missing'],
  [['components', 'schemas', 'async'], undefined, '$ref "#/components/schemas/async" leads nowhere'],
  [['servers'], [{ url: 'ftp://x' }], 'servers[0].url is "ftp://x": it must be a URL'],
  [['paths', '/submitAsyncAction'], undefined, 'paths./submitAsyncAction is missing'],
  [['paths', '/status', 'get'], undefined, 'paths./status.get is missing'],
  [['paths', '/getServiceDefinition'], undefined, 'paths./getServiceDefinition is missing'],
  [
    definitionRef.split('.'),
    '#/components/schemas/async',
    `${definitionRef} is "#/components/schemas/async": it must be #/components/schemas/serviceDefinition`,
  ],
  [[...SUBMIT, 'responses', '429'], undefined, `${SUBMIT.join('.')}.responses.429 is missing`],
  [[...SUBMIT, 'requestBody'], undefined, `${SUBMIT.join('.')}.requestBody is missing`],
  [[...SUBMIT, 'callbacks'], undefined, `${SUBMIT.join('.')}.callbacks is missing`],
  [LITERAL, undefined, `${LITERAL.join('.')} is missing`],
  [[...CALLBACK, 'responses', '404'], undefined, `${CALLBACK.join('.')}.responses.404 is missing`],
  [[...CALLBACK, 'requestBody'], undefined, `${CALLBACK.join('.')}.requestBody is missing`],
  [
    [...CALLBACK, 'parameters'],
    [],
    `${CALLBACK.join('.')}.parameters is []: it must name the headers x-api-key and x-callback-token`,
  ],
  [['paths', '/getPicklist', 'post'], undefined, 'paths./getPicklist.post is missing'],
  [
    ['paths', '/serviceIcon', 'get', 'responses', '200', 'content'],
    { 'image/png': {} },
    'paths./serviceIcon.get.responses.200.content.image/* is missing',
  ],
  [
    ['paths', '/providerInstructions', 'get', 'responses'],
    undefined,
    'paths./providerInstructions.get.responses is missing',
  ],
]

test('each violation of a document is named', () => {
  const url = 'http://127.0.0.1/x/openapi.json'
  assert.deepEqual(readDocument(goodDocument(), url).violations, [])
  for (const [path, to, violation] of documents) {
    const { violations } = readDocument(changed(goodDocument(), path, to), url)
    assert.ok(violations.includes(violation), `${path.join('.')}: ${violations.join('; ')}`)
    assert.ok(violations.length <= 3, violations.join('; '))
  }
})

test('the base is the first server, or where the document lies', () => {
  const url = 'https://tables.example.com/v1/openapi.json'
  const bases: [servers: unknown, base: string][] = [
    [undefined, 'https://tables.example.com/v1'],
    [[{ url: '/api/' }, { url: '/ignored' }], 'https://tables.example.com/api'],
    [[{ url: 'https://other.example.com/a' }], 'https://other.example.com/a'],
  ]
  for (const [servers, base] of bases) {
    assert.equal(readDocument({ ...goodDocument(), servers }, url).document?.baseUrl, base)
  }
})

const IN = 'invocationPayloadDef'
const OUT = 'callbackPayloadDef'
const definitions: Change[] = [
  [['apiName'], undefined, 'apiName is nothing: it must be a text'],
  [['caBundle'], 'x', 'caBundle is "x": it must be a URL'],
  [['i18n', 'en_US'], undefined, 'i18n must have en_US'],
  [['i18n', 'en_US', 'filterName'], undefined, 'i18n.en_US.filterName must be a text'],
  [['i18n', 'german'], {}, 'i18n.german is no locale such as en_US'],
  [['i18n', 'de_DE', 'name'], 1, 'i18n.de_DE.name must be a text'],
  [['primaryAttribute'], undefined, 'primaryAttribute is nothing: it must be a text'],
  [['primaryAttribute'], 'mail', 'primaryAttribute mail is no flow attribute'],
  [['primaryAttribute'], 'found', 'primaryAttribute found is a callback attribute'],
  [[IN], undefined, `${IN} is nothing: it must be an object`],
  [[OUT], [], `${OUT} is []: it must be an object`],
  [[IN, 'flowAttributes'], {}, `${IN}.flowAttributes must be a list`],
  [[IN, 'flowAttributes', 1], 7, `${IN}.flowAttributes[1] must be an object`],
  [[IN, 'flowAttributes', 1, 'apiName'], '', `${IN}.flowAttributes[1].apiName must be a text`],
  [[IN, 'flowAttributes', 1, 'apiName'], 'table', `${IN}.flowAttributes[1].apiName "table" is there twice`],
  [[IN, 'flowAttributes', 1, 'apiName'], 'success', "the attribute success is Marketo's own"],
  [[IN, 'flowAttributes', 1, 'apiName'], 'found', 'found is a flow attribute and a callback attribute'],
  [[IN, 'flowAttributes', 1, 'i18n'], undefined, `${IN}.flowAttributes[1].i18n must have en_US`],
  [
    [IN, 'flowAttributes', 1, 'i18n', 'en_US', 'name'],
    undefined,
    `${IN}.flowAttributes[1].i18n.en_US.name must be a text`,
  ],
  [
    [IN, 'flowAttributes', 0, 'hasPicklist'],
    'yes',
    `${IN}.flowAttributes[0].hasPicklist must be true or false`,
  ],
  [
    [OUT, 'attributes', 1, 'dataType'],
    'phone',
    `${OUT}.attributes[1].dataType is "phone": it must be one of boolean, integer, date, datetime, email, float, score, string, url, text`,
  ],
  [[OUT, 'attributes', 1, 'apiName'], 'errorCode', "the attribute errorCode is Marketo's own"],
  [[IN, 'globalAttributes', 0, 'apiName'], 'reason', "the attribute reason is Marketo's own"],
  [[IN, 'fields', 0, 'serviceAttribute'], 'id', `${IN}.fields[0].serviceAttribute is id, Marketo's own`],
  [[IN, 'fields', 0, 'serviceAttribute'], 'firm', `${IN}.fields[1].serviceAttribute "firm" is there twice`],
  [[IN, 'fields', 0, 'description'], undefined, `${IN}.fields[0].description.en_US is missing`],
  [[IN, 'fields', 0, 'required'], 1, `${IN}.fields[0].required must be true or false`],
  [
    [OUT, 'fields', 0, 'description', 'xx'],
    'x',
    `${OUT}.fields[0].description.xx must be a locale such as en_US, with a text`,
  ],
  [
    [OUT, 'fields', 0, 'suggestedMarketoAttribute'],
    9,
    `${OUT}.fields[0].suggestedMarketoAttribute must be a text`,
  ],
  [[IN, 'headers', 0, 'name'], undefined, `${IN}.headers[0].name must be a text`],
  [
    [IN, 'myTokenContext', 0],
    '{{my.Event}}',
    `${IN}.myTokenContext[0] is "{{my.Event}}": it must be a token's name without {{my.}}`,
  ],
  [[IN, 'triggerContext'], 'true', `${IN}.triggerContext must be true or false`],
  [[OUT, 'userDrivenMapping'], 0, `${OUT}.userDrivenMapping must be true or false`],
]

test('each violation of a definition is named', () => {
  assert.deepEqual(readDefinition(goodDefinition()).violations, [])
  for (const [path, to, violation] of definitions) {
    const { violations, definition } = readDefinition(changed(goodDefinition(), path, to))
    assert.ok(violations.includes(violation), `${path.join('.')}: ${violations.join('; ')}`)
    assert.equal(definition, undefined)
  }
})

test('no JSON, however strange, breaks the reading of a document or a definition', () => {
  const json = fc.jsonValue()
  const place = (good: object) =>
    fc.array(fc.constantFrom(...keysOf(good)), { minLength: 1, maxLength: 6 }).map((path) => [...path])
  fc.assert(
    fc.property(json, place(goodDocument()), place(goodDefinition()), (value, inDocument, inDefinition) => {
      readDocument(value, 'http://127.0.0.1/openapi.json')
      readDocument(changed(goodDocument(), inDocument, value), 'http://127.0.0.1/openapi.json')
      readDefinition(value)
      readDefinition(changed(goodDefinition(), inDefinition, value))
    }),
  )
})

/** Every member's name, however deep. */
function keysOf(value: object): string[] {
  const keys = new Set<string>()
  JSON.stringify(value, (key, each: unknown) => {
    keys.add(key)
    return each
  })
  keys.delete('')
  return [...keys]
}

const many = Array.from({ length: 1001 }, (_, at) => ({
  displayValue: { en_US: `${at}` },
  submittedValue: at,
}))
const answers: [path: string, play: Play, violation: RegExp][] = [
  ['/openapi.json', { body: '<html>' }, /^the document: answered with application\/json that is no JSON$/],
  ['/openapi.json', { body: 'x'.repeat(2 ** 21) }, /^the document: answered with more than 1024 KB$/],
  [
    '/openapi.json',
    { status: 302, headers: { location: 'http://127.0.0.1:9/' } },
    /^the document: answered 302$/,
  ],
  ['/openapi.json', (response) => response.destroy(), /^the document: gave no answer: Connection failed$/],
  ['/openapi.json', () => undefined, /^the document: gave no answer: Timeout$/],
  ['/status', drip, /^status: gave no answer: Timeout$/],
  ['/status', { status: 401 }, /^status: refused the credentials with 401$/],
  ['/status', { body: { errors: 'x', deprecationDate: 'soon' } }, /^status: errors must be a list of texts$/],
  [
    '/status',
    { body: { deprecationDate: 'soon' } },
    /^status: deprecationDate is "soon": it must be a date$/,
  ],
  ['/getServiceDefinition', { status: 500 }, /^getServiceDefinition: answered 500$/],
  ['/getServiceDefinition', { body: [] }, /^getServiceDefinition: the definition is \[\], not an object$/],
  ['/getPicklist', { body: {} }, /^getPicklist of table: choices must be a list$/],
  ['/getPicklist', { body: { choices: many } }, /^getPicklist of table: 1001 choices, at most 1000$/],
  [
    '/getPicklist',
    { body: { choices: [{ submittedValue: null }] } },
    /^getPicklist of table: choices\[0\]\.displayValue\.en_US is missing$/,
  ],
  ['/serviceIcon', { type: 'text/html', body: '<p>' }, /^GET \/serviceIcon answered with text\/html where/],
  ['/serviceIcon', { type: 'image/png', body: 'GIF' }, /^GET \/serviceIcon answered with image\/png that is/],
  ['/serviceIcon', { type: 'image/svg+xml' }, /^GET \/serviceIcon answered with an empty image$/],
  ['/providerInstructions', { body: 'x' }, /^GET \/providerInstructions answered with application\/json/],
]

function drip(response: Parameters<Extract<Play, (...args: never[]) => void>>[0]): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  const timer = setInterval(() => response.write(' '), 20)
  response.on('close', () => clearInterval(timer))
}

test('a provider that answers anything with nonsense is not installed, and is told why', async () => {
  await using sandbox = await startSandbox()
  const { flowSteps } = sandbox.marketo
  for (const [path, play, violation] of answers) {
    await using provider = await startProvider()
    provider.answers.set(path, play)
    const installation = { url: `${provider.url}/openapi.json`, credentials: KEY, timeoutMs: 400 }
    const { installed, violations } = await flowSteps.install(installation)
    assert.equal(installed, false, path)
    assert.ok(
      violations.some((each) => violation.test(each)),
      `${violation}: ${violations.join('; ')}`,
    )
  }
  assert.deepEqual(flowSteps.services(), [])
})

test('only addresses of this machine are called, wherever they are named', async () => {
  await using sandbox = await startSandbox()
  await using provider = await startProvider()
  const servers = [{ url: 'http://192.0.2.1/' }]
  provider.answers.set('/openapi.json', { body: { ...goodDocument(), servers } })
  for (const url of [
    'http://192.0.2.1/openapi.json',
    'file:///etc/hosts',
    'x',
    `${provider.url}/openapi.json`,
  ]) {
    const report = await sandbox.marketo.flowSteps.install({ url, credentials: KEY })
    const isTold = report.violations.every((each) => /loopback addresses only$/.test(each))
    assert.deepEqual([report.installed, isTold], [false, true], `${url}: ${report.violations.join()}`)
  }
})

const scheme = (name: string, value: object) => ({
  ...goodDocument(),
  security: [{ [name]: [] }, { apiKey: [] }],
  components: { ...goodDocument().components, securitySchemes: { apiKey: {}, [name]: value } },
})
const FLOW = {
  ...{ tokenUrl: '/token', scopes: {}, 'x-grantTypeName': 'ours' },
  ...{ 'x-clientIdName': 'who', 'x-clientSecretName': 'proof' },
}

test('credentials go along in the way of the first scheme, and no other kind is taken', async () => {
  await using sandbox = await startSandbox()
  const { flowSteps } = sandbox.marketo
  const apiKey = (place: string) => ({ type: 'apiKey', in: place, name: 'k' })
  const basic = { kind: 'basic', user: 'ann', password: 'p:w' } as const
  const oauth2 = { kind: 'oauth2', clientId: 'id', clientSecret: 's&t' } as const
  const ways = [
    [scheme('apiKey', apiKey('query')), KEY, { query: '?k=k1' }],
    [scheme('apiKey', apiKey('cookie')), KEY, { cookie: 'k=k1' }],
    [scheme('basic', { type: 'http', scheme: 'basic' }), basic, { authorization: 'Basic YW5uOnA6dw==' }],
    [
      scheme('oauth2', { type: 'oauth2', flows: { clientCredentials: FLOW } }),
      oauth2,
      { authorization: 'Bearer t1', token: 'grant_type=ours&who=id&proof=s%26t' },
    ],
    [goodDocument(), basic, { violation: /first scheme, apiKey: credentials of the kind basic do not go/ }],
    [
      scheme('oauth2', {
        type: 'oauth2',
        flows: { authorizationCode: { ...FLOW, authorizationUrl: '/a' }, clientCredentials: FLOW },
      }),
      oauth2,
      { violation: /authorization code flow, which takes a browser/ },
    ],
  ] as const
  for (const [body, credentials, promised] of ways) {
    await using provider = await startProvider()
    provider.answers.set('/openapi.json', { body })
    provider.answers.set('/token', { body: { access_token: 't1' } })
    const { violations } = await flowSteps.install({ url: `${provider.url}/openapi.json`, credentials })
    const { query, headers } = provider.heard.find(({ path }) => path === '/status') ?? {}
    const token = provider.heard.find(({ path }) => path === '/token')?.body
    if ('violation' in promised) assert.match(violations.at(-1) ?? '', promised.violation)
    if ('query' in promised) assert.equal(query, promised.query)
    if ('cookie' in promised) assert.equal(headers?.cookie, promised.cookie)
    if ('authorization' in promised) assert.equal(headers?.authorization, promised.authorization)
    if ('token' in promised) assert.equal(token, promised.token)
  }
})

test('the admin changes the mapping, and is told what cannot be', async () => {
  await using sandbox = await startSandbox()
  const { flowSteps } = sandbox.marketo
  await using provider = await startProvider()
  const install = (more: object) =>
    flowSteps.install({ url: `${provider.url}/openapi.json`, credentials: KEY, ...more })
  const tables: [more: object, violation: string][] = [
    [{ mapping: { outgoing: { mail: null } } }, 'mail is required and mapped to no field'],
    [{ mapping: { outgoing: { mail: 'nope' } } }, 'there is no field nope'],
    [{ mapping: { outgoing: { nope: 'email' } } }, 'the service declares no field nope'],
    [
      { mapping: { incoming: { dept: 'createdAt' } } },
      'the field createdAt is read-only: nothing can come in there',
    ],
    [{ admin: { planet: 'x' } }, 'there is no global attribute planet'],
    [{ headers: { 'x-other': 'x' } }, 'there is no header x-other'],
  ]
  for (const [more, violation] of tables) assert.deepEqual((await install(more)).violations, [violation])
  const mapping = {
    outgoing: { firm: null, shoeSize: 'numberOfEmployees' },
    incoming: { points: 'leadScore' },
  }
  assert.deepEqual((await install({ mapping })).mapping, {
    outgoing: { mail: 'email', shoeSize: 'numberOfEmployees' },
    incoming: { dept: 'department', optedOut: 'unsubscribed', points: 'leadScore' },
  })
  assert.deepEqual((await install({})).violations, [
    'there is a service lookUp: give this one another apiName',
  ])
  const { installed } = await install({ apiName: 'lookUp2' })
  assert.equal(installed, true)
  assert.deepEqual(
    flowSteps.services().map(({ apiName, id }) => [apiName, id]),
    [
      ['lookUp', 1],
      ['lookUp2', 2],
    ],
  )
})

test('the nightly poll takes over status and picklists, and sends the mapping along', async () => {
  await using sandbox = await startSandbox()
  const { flowSteps } = sandbox.marketo
  await using provider = await startProvider()
  await flowSteps.install({ url: `${provider.url}/openapi.json`, credentials: KEY })
  provider.answers.set('/status', { body: { warnings: ['slow'], deprecationDate: '2020-01-01' } })
  assert.deepEqual(await flowSteps.poll(), [])
  const [service] = flowSteps.services()
  assert.deepEqual([service?.deprecated, service?.status.warnings], [true, ['slow']])
  const { fieldMappingContext } = JSON.parse(provider.heard.at(-1)?.body ?? '')
  assert.deepEqual(fieldMappingContext, {
    invocation: [
      { marketoAttribute: 'email', serviceAttribute: 'mail' },
      { marketoAttribute: 'company', serviceAttribute: 'firm' },
    ],
    callback: [
      { marketoAttribute: 'department', serviceAttribute: 'dept' },
      { marketoAttribute: 'unsubscribed', serviceAttribute: 'optedOut' },
    ],
  })
  provider.answers.set('/status', { status: 503 })
  provider.answers.set('/getPicklist', { status: 500 })
  assert.deepEqual(await flowSteps.poll(), ['status: answered 503', 'getPicklist of table: answered 500'])
})
