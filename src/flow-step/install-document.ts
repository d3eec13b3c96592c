import { installSchemas } from './install-schemas.ts'

/** Marketo reads no other version. */
const SCHEMA_VERSION = '1.0.0'
const JSON_TYPE = 'application/json'

export interface InstallOptions {
  /** Where the step's paths begin, absolute: `https://sync.example.com/flow-step`. */
  base: string
  version: string
}

/**
 * What an administrator gives Marketo the address of. Its shape is demanded by Adobe, "Self-Service Flow Steps"
 * (service provider interface 1.0.0), the callback's literal key included, although the address comes in callbackUrl.
 */
export function installDocument({ base, version }: InstallOptions) {
  return {
    openapi: '3.0.3',
    info: {
      title: 'Sync Person to Microsoft',
      description:
        'A flow step that ensures that a person exists in Dynamics 365 as exactly one lead or contact. An existing record is not changed.',
      version,
      'x-providerName': 'Sync Person to Microsoft',
      'x-schemaVersion': SCHEMA_VERSION,
      'x-supportContact': `${base}/providerInstructions`,
    },
    servers: [{ url: base }],
    tags: [{ name: 'flow step', description: 'The endpoints that Marketo calls.' }],
    // Marketo takes the first; the others open the endpoints as well.
    security: [{ apiKey: [] }, { basic: [] }, { oauth2: [] }],
    paths,
    components: {
      schemas: installSchemas,
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
        basic: { type: 'http', scheme: 'basic', 'x-realm-required': false },
        oauth2: {
          type: 'oauth2',
          flows: { clientCredentials: { tokenUrl: `${base}/oauth/token`, scopes: {} } },
        },
      },
    },
  }
}

const header = (name: string, description: string) => ({
  in: 'header',
  name,
  description,
  required: true,
  schema: { type: 'string' },
})
const json = (schema: string) => ({ [JSON_TYPE]: { schema: { $ref: `#/components/schemas/${schema}` } } })
const answer = (description: string, schema: string) => ({ description, content: json(schema) })

const REFUSALS = {
  400: { description: 'The body cannot be read, or its callback address is not allowed.' },
  401: { description: 'The API key is missing or invalid.' },
  403: { description: 'The API key lacks permission. This service answers 401 instead.' },
}
const TROUBLE = {
  429: { description: 'Too many requests. This service queues people instead.' },
  500: { description: 'A fault of the service. The chunk may have been stored; sending it again is safe.' },
}

const callbacks = {
  selfServiceFlowComplete: {
    '{$request.body#/flowComplete}': {
      post: {
        description: 'Sent to callbackUrl once, when every person of the chunk has an outcome.',
        parameters: [
          header('x-api-key', 'apiCallBackKey of the chunk.'),
          header('x-callback-token', 'token of the chunk.'),
        ],
        requestBody: { description: 'The outcome of each person.', content: json('flowCallBack') },
        responses: {
          200: { description: 'Accepted; any other 2xx means the same.' },
          404: { description: 'There is no such callback.' },
          405: { description: 'The callback cannot be read.' },
        },
      },
    },
  },
}

const icon = (summary: string) => ({
  get: {
    summary,
    tags: ['flow step'],
    security: [],
    responses: {
      200: {
        description: 'A PNG image.',
        content: { 'image/*': { schema: { type: 'string', format: 'binary' } } },
      },
    },
  },
})

const paths = {
  '/submitAsyncAction': {
    post: {
      summary: 'Receives a chunk of people',
      description: 'The chunk is stored before the response. Sending the same token again changes nothing.',
      operationId: 'submitAsyncAction',
      tags: ['flow step'],
      requestBody: { required: true, content: json('async') },
      callbacks,
      responses: {
        201: { description: 'Stored; the outcomes follow in a callback.' },
        ...REFUSALS,
        413: {
          description:
            'The body is larger than FLOW_STEP_BODY_BYTES, or one person is larger than FLOW_STEP_PERSON_BYTES.',
        },
        ...TROUBLE,
        503: { description: 'Too many chunks are being received; nothing was stored.' },
      },
    },
  },
  '/getServiceDefinition': {
    get: {
      summary: 'Parameters and results of the step',
      operationId: 'getServiceDefinition',
      tags: ['flow step'],
      responses: { 200: answer('The definition.', 'serviceDefinition'), 401: REFUSALS[401] },
    },
  },
  '/getPicklist': {
    post: {
      summary: 'Choices of syncAs and assignTo',
      operationId: 'getPicklist',
      tags: ['flow step'],
      requestBody: { required: true, content: json('getPicklistRequest') },
      responses: {
        200: answer('The choices.', 'picklistObject'),
        400: { description: 'There is no attribute of this name that has choices.' },
        401: REFUSALS[401],
        503: { description: 'Dynamics cannot return its users at the moment.' },
      },
    },
  },
  '/status': {
    get: {
      summary: 'Status of the service and its connections',
      operationId: 'getStatus',
      tags: ['flow step'],
      responses: { 200: answer('The findings.', 'serviceStatus'), 401: REFUSALS[401] },
    },
  },
  '/brandIcon': icon('Icon of the provider'),
  '/serviceIcon': icon('Icon of the step'),
  '/providerInstructions': {
    get: {
      summary: 'How to set the step up in Marketo',
      tags: ['flow step'],
      security: [],
      responses: {
        200: { description: 'An HTML page.', content: { 'text/html': { schema: { type: 'string' } } } },
      },
    },
  },
}
