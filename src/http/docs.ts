import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance, type FastifySchema } from 'fastify'

export interface DocsOptions {
  version: string
  /** Where callers reach the service; absent = wherever the document was fetched from. */
  publicUrl?: string | undefined
  docs: boolean
}

const DESCRIPTION = `Marketo's flow action *Sync Person to Microsoft* as an open service: it creates the lead in Dynamics 365 exactly once, in real time. An existing record is never changed by this API.

Every error is an RFC 9457 problem with a stable \`code\`. Every answer has the header \`x-request-id\`, which finds the request in the log; a caller's own \`x-request-id\` comes back as \`x-client-request-id\`.`

// The plugin's own policy upgrades to https, which breaks the page on a plain http address. Swagger UI sets
// styles in its markup; scripts come from this origin only.
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; base-uri 'self'; frame-ancestors 'self'; img-src 'self' data:; object-src 'none'; style-src 'self' 'unsafe-inline'"

/** Documents the routes that are registered after it. `/docs` and `/openapi.json` need no key. */
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
        { name: 'flow action', description: 'Requests of campaigns: ensure that the record exists.' },
        { name: 'people', description: 'What the service knows about a person.' },
        { name: 'flow step', description: 'Chunks of people that Marketo sent, and their callbacks.' },
        {
          name: 'sync',
          description: 'Status and control of the background sync. No endpoint here writes a field.',
        },
        { name: 'operations', description: 'Liveness, readiness and metrics.' },
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
  if (options.docs) serveDocs(app)
}

/** Swagger UI's page and what it loads. */
const PAGES = [
  '/docs',
  '/docs/',
  '/docs/static/index.css',
  '/docs/static/swagger-ui.css',
  '/docs/static/swagger-ui-bundle.js',
  '/docs/static/swagger-ui-standalone-preset.js',
  '/docs/static/swagger-initializer.js',
  '/docs/static/favicon-16x16.png',
  '/docs/static/favicon-32x32.png',
]
const ASSET_AGE_MAX_SECONDS = 3_600

interface Page {
  type: string
  bytes: Buffer
}

/** The pages need no key, so each is built once, on first use, and always sent from the same bytes. */
function serveDocs(app: FastifyInstance): void {
  let document: Buffer | undefined
  let pages: Promise<ReadonlyMap<string, Page>> | undefined
  const pagesOnce = async () => {
    pages ??= renderPages()
    return pages.catch((error: unknown) => {
      pages = undefined
      throw error
    })
  }
  const schema = { hide: true }
  for (const path of ['/openapi.json', '/docs/json']) {
    app.get(path, { schema }, async (_request, reply) => {
      document ??= Buffer.from(openApiDocument(app))
      return reply.type('application/json; charset=utf-8').send(document)
    })
  }
  for (const path of PAGES) {
    app.get(path, { schema }, async (_request, reply) => {
      const page = (await pagesOnce()).get(path)
      reply.header('content-security-policy', CONTENT_SECURITY_POLICY)
      if (path.startsWith('/docs/static/')) {
        reply.header('cache-control', `public, max-age=${ASSET_AGE_MAX_SECONDS}`)
      }
      return reply.type(page?.type ?? '').send(page?.bytes)
    })
  }
}

/** Renders the plugin's pages in a separate app: served directly, the plugin opens a file for every request. */
async function renderPages(): Promise<ReadonlyMap<string, Page>> {
  const app = Fastify()
  await app.register(swagger)
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { tryItOutEnabled: true, deepLinking: true, validatorUrl: null },
    theme: { title: 'Sync Person to Microsoft' },
  })
  const pages = new Map<string, Page>()
  for (const path of PAGES) {
    const { statusCode, headers, rawPayload } = await app.inject(path)
    if (statusCode !== 200) throw new Error(`Swagger UI has no ${path}`)
    pages.set(path, { type: String(headers['content-type']), bytes: rawPayload })
  }
  await app.close()
  return pages
}

/** `documentedBody` documents the body of an endpoint that reads it by itself; Fastify checks nothing by it. */
function withDocumentedBody(schema: FastifySchema & { documentedBody?: unknown }): FastifySchema {
  const { documentedBody, ...rest } = schema
  return documentedBody === undefined ? rest : { ...rest, body: documentedBody }
}

/** The document as text, the same bytes for the same routes: it is kept in the repository. Needs a ready app. */
export function openApiDocument(app: FastifyInstance): string {
  return `${JSON.stringify(app.swagger(), null, 2)}\n`
}
