import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../clock.ts'
import { ACCESS_TOKEN_LIFE_SECONDS, issueAccessToken } from './access-token.ts'
import { type ApiKey, basicCredentials, createFindKey } from './auth.ts'

const BODY_BYTES_MAX = 4_096

export interface TokenEndpointOptions {
  path: string
  keys: readonly ApiKey[]
  clock: Clock
}

/**
 * OAuth 2.0 client credentials: the client is an API key, its id the key's name. Source: RFC 6749, sections 2.3.1,
 * 4.4, 5.1 and 5.2, which also shape the errors.
 */
export function tokenEndpoint({ path, keys, clock }: TokenEndpointOptions): FastifyPluginAsync {
  const find = createFindKey(keys)
  const answer = (reply: FastifyReply, status: number, body: object) =>
    reply.code(status).header('pragma', 'no-cache').send(body)

  return async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: BODY_BYTES_MAX },
      (_request, body, done) => done(null, new URLSearchParams(String(body))),
    )
    scope.post(path, { schema: { hide: true } }, async (request, reply) => {
      const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams()
      const grant = form.get('grant_type')
      if (grant === null) return answer(reply, 400, { error: 'invalid_request' })
      if (grant !== 'client_credentials') return answer(reply, 400, { error: 'unsupported_grant_type' })
      const { id, secret } = clientOf(request, form)
      const key = find(secret)
      if (key?.name !== id) {
        reply.header('www-authenticate', 'Basic realm="sync-person-to-microsoft", charset="UTF-8"')
        return answer(reply, 401, { error: 'invalid_client' })
      }
      return answer(reply, 200, {
        access_token: issueAccessToken(key, clock.now()),
        token_type: 'Bearer',
        expires_in: ACCESS_TOKEN_LIFE_SECONDS,
      })
    })
  }
}

/** From Basic, whose parts RFC 6749 has form-encoded, or from the form. */
function clientOf(request: FastifyRequest, form: URLSearchParams): { id: string; secret: string } {
  const basic = basicCredentials(request.headers.authorization)
  if (basic) return { id: formDecoded(basic.user), secret: formDecoded(basic.password) }
  return { id: form.get('client_id') ?? '', secret: form.get('client_secret') ?? '' }
}

function formDecoded(text: string): string {
  return new URLSearchParams(`value=${text.replaceAll('&', '%26')}`).get('value') ?? ''
}
