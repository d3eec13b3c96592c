import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import type { FastifyPluginAsync } from 'fastify'
import { installDocument } from './install-document.ts'
import { INSTRUCTIONS_POLICY, instructionsPage } from './instructions.ts'

export interface OpenEndpointOptions {
  version: string
  /** Origin under which Marketo reaches the service; absent = the address on which it listens. */
  publicUrl?: string | undefined
}

const ICON_AGE_MAX_SECONDS = 86_400

/**
 * What Marketo reads before it has a key: the document, the pictures, the page. Made once and sent from the same
 * bytes; nothing in them comes from a request.
 */
export function flowStepOpenEndpoint({ version, publicUrl }: OpenEndpointOptions): FastifyPluginAsync {
  const icons = { brandIcon: icon('brand-icon.png'), serviceIcon: icon('service-icon.png') }
  // The document of these endpoints is their own, in the version that Marketo reads.
  const schema = { hide: true }

  return async (scope) => {
    const base = () => `${publicUrl ?? originOf(scope.server.address())}/flow-step`
    const document = once(() => JSON.stringify(installDocument({ base: base(), version })))
    const page = once(() => instructionsPage(base()))
    scope.get('/flow-step/openapi.json', { schema }, async (_request, reply) =>
      reply.type('application/json; charset=utf-8').send(document()),
    )
    scope.get('/flow-step/providerInstructions', { schema }, async (_request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', INSTRUCTIONS_POLICY)
        .send(page()),
    )
    for (const [name, bytes] of Object.entries(icons)) {
      scope.get(`/flow-step/${name}`, { schema }, async (_request, reply) =>
        reply
          .type('image/png')
          .header('cache-control', `public, max-age=${ICON_AGE_MAX_SECONDS}`)
          .send(bytes),
      )
    }
  }
}

/** Made when it is first needed: the address is known once the service listens. */
function once(render: () => string): () => Buffer {
  let bytes: Buffer | undefined
  return () => {
    bytes ??= Buffer.from(render())
    return bytes
  }
}

/** An address that stands for all of them, 0.0.0.0 or ::, can be called as localhost. */
function originOf(address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') return 'http://localhost'
  const { address: host, family, port } = address
  const name = /^(?:0\.0\.0\.0|::)$/.test(host) ? 'localhost' : family === 'IPv6' ? `[${host}]` : host
  return `http://${name}:${port}`
}

function icon(file: string): Buffer {
  return readFileSync(new URL(file, import.meta.url))
}
