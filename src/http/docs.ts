import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifySchema } from 'fastify'

export interface DocsOptions {
  version: string
  /** Where callers reach the service; absent = wherever the document was fetched from. */
  publicUrl?: string | undefined
}

const DESCRIPTION = `Marketo's flow action *Sync Person to Microsoft* as an open service: it creates the lead in Dynamics 365 exactly once, in real time. An existing record is never changed by this API.

Every error is an RFC 9457 problem with a stable \`code\`. Every answer has the header \`x-request-id\`, which finds the request in the log; a caller's own \`x-request-id\` comes back as \`x-client-request-id\`.`

// The plugin's own policy upgrades to https, which breaks the page on a plain http address. Swagger UI sets
// styles in its markup; scripts come from this origin only.
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; base-uri 'self'; frame-ancestors 'self'; img-src 'self' data:; object-src 'none'; style-src 'self' 'unsafe-inline'"

/** Collects the routes registered after it. `/docs` and `/openapi.json` need no key. */
export async function registerDocs(app: FastifyInstance, options: DocsOptions): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sync Person to Microsoft',
        version: options.version,
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: options.publicUrl ?? '/' }],
      tags: [
        { name: 'flow action', description: 'What a campaign asks: make sure that the record exists.' },
        { name: 'people', description: 'What the service knows about a person.' },
        { name: 'flow step', description: 'What became of the people whom Marketo handed over in chunks.' },
        { name: 'sync', description: 'How the background sync is doing. No door here writes a field.' },
        { name: 'operations', description: 'Is it alive, is it ready, how much does it do.' },
      ],
      components: {
        securitySchemes: {
          apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
          bearer: { type: 'http', scheme: 'bearer', description: 'The API key as bearer token.' },
          basic: { type: 'http', scheme: 'basic', description: 'The API key as password, any user name.' },
        },
      },
      security: [{ apiKey: [] }, { bearer: [] }, { basic: [] }],
    },
    transform: ({ schema, url }) => ({ schema: withDocumentedBody(schema), url }),
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `schema-${index}`),
    },
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: CONTENT_SECURITY_POLICY,
    uiConfig: { tryItOutEnabled: true, deepLinking: true, validatorUrl: null },
    theme: { title: 'Sync Person to Microsoft' },
  })
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(openApiDocument(app)),
  )
}

/** A door that reads its body by itself says in `documentedBody` what it takes; nothing is checked by it. */
function withDocumentedBody(schema: FastifySchema & { documentedBody?: unknown }): FastifySchema {
  const { documentedBody, ...rest } = schema
  return documentedBody === undefined ? rest : { ...rest, body: documentedBody }
}

/** The document as text, the same bytes for the same routes: it is kept in the repository. Needs a ready app. */
export function openApiDocument(app: FastifyInstance): string {
  return `${JSON.stringify(app.swagger(), null, 2)}\n`
}
