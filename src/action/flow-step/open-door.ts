import { readFileSync } from 'node:fs'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { installDocument } from './install-document.ts'
import { INSTRUCTIONS_POLICY, instructionsPage } from './instructions.ts'

export interface OpenDoorOptions {
  version: string
  /** Origin under which Marketo reaches the service; absent = the origin that each request names. */
  publicUrl?: string | undefined
}

const ICON_AGE_MAX_SECONDS = 86_400

/** What Marketo reads before it has a key: the document, the pictures, the page. */
export function flowStepOpenDoor({ version, publicUrl }: OpenDoorOptions): FastifyPluginAsync {
  const icons = { brandIcon: icon('brand-icon.png'), serviceIcon: icon('service-icon.png') }
  const baseOf = ({ protocol, host }: FastifyRequest) => `${publicUrl ?? `${protocol}://${host}`}/flow-step`
  // The document of these doors is their own, in the version that Marketo reads.
  const schema = { hide: true }

  return async (scope) => {
    scope.get('/flow-step/openapi.json', { schema }, async (request, reply) =>
      reply
        .type('application/json; charset=utf-8')
        .send(JSON.stringify(installDocument({ base: baseOf(request), version }))),
    )
    scope.get('/flow-step/providerInstructions', { schema }, async (request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', INSTRUCTIONS_POLICY)
        .send(instructionsPage(baseOf(request))),
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

function icon(file: string): Buffer {
  return readFileSync(new URL(file, import.meta.url))
}
