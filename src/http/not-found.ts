import type { FastifyInstance } from 'fastify'
import { sendProblem } from './problem.ts'

/**
 * 405 with Allow for a known path, else 404, before a byte of the body is read. Must be called before the first route
 * is registered, and after the hooks that every answer needs.
 */
export function answerUnknownRoutes(app: FastifyInstance): void {
  const methodsByPattern = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const methods = methodsByPattern.get(url) ?? new Set()
    for (const one of [method].flat()) methods.add(one.toUpperCase())
    methodsByPattern.set(url, methods)
  })
  app.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return
    const path = request.url.split('?')[0] ?? ''
    const allowed = [...methodsByPattern].filter(([pattern]) => matches(pattern, path))
    const methods = [...new Set(allowed.flatMap(([, some]) => [...some]))].sort()
    if (methods.length === 0) {
      return sendProblem(request, reply, { status: 404, code: 'not-found', detail: 'There is no such path.' })
    }
    reply.header('allow', methods.join(', '))
    const detail = `This path supports ${methods.join(', ')}.`
    return sendProblem(request, reply, { status: 405, code: 'method-not-allowed', detail })
  })
}

/** Whether a route pattern (`/v1/people/:marketoId`, `/docs/*`) covers a path. */
function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/')
  const given = path.split('/')
  if (wanted.at(-1) !== '*' && wanted.length !== given.length) return false
  return wanted.every((part, index) => {
    if (part === '*') return true
    if (part.startsWith(':')) return (given[index] ?? '') !== ''
    return part === given[index]
  })
}
