import { type Clock, systemClock } from '../../src/clock.ts'
import { createMarketo } from '../../src/marketo/marketo.ts'
import type { MarketoSettings } from '../../src/marketo/settings.ts'
import { type Answer, json, listeningLog, scriptedServer } from '../dataverse/rig.ts'

export const SECRET = 'a secret & more'
export const TOKEN_PATH =
  '/identity/oauth/token?grant_type=client_credentials&client_id=client-1&client_secret=a+secret+%26+more'

/** An identity that issues token-1, token-2, … of an hour. */
function freshTokens(): Answer {
  let count = 0
  return (response, seen) => {
    count += 1
    json(200, { access_token: `token-${count}`, token_type: 'bearer', expires_in: 3599 })(response, seen)
  }
}

/** The envelope of a success. */
export const found = (result: unknown, more: object = {}): Answer =>
  json(200, { requestId: '6227#17d4f044661', result, success: true, ...more })

/** The envelope of a failure, as it is on the wire: HTTP 200. */
export const failure = (code: string, message = 'No.', status = 200): Answer =>
  json(status, { requestId: '6227#17d4f044661', success: false, errors: [{ code, message }] })

/** The whole room against a server that answers by script. */
export async function openRoom(
  api: Answer,
  options: { identity?: Answer; settings?: Partial<MarketoSettings>; clock?: Clock } = {},
) {
  const stack = new AsyncDisposableStack()
  const { identity = freshTokens(), settings = {}, clock = systemClock } = options
  const server = stack.use(
    await scriptedServer((response, seen) =>
      seen.path.startsWith('/identity/') ? identity(response, seen) : api(response, seen),
    ),
  )
  const { log, lines } = listeningLog()
  const credentials = { clientId: 'client-1', clientSecret: SECRET }
  const room = stack.use(
    createMarketo({ url: `${server.origin}/rest`, ...credentials, settings, clock, log }),
  )
  const calls = () => server.seen.filter(({ path }) => path.startsWith('/rest/'))
  const tokenCalls = () => server.seen.filter(({ path }) => path.startsWith('/identity/'))
  return { ...room, calls, tokenCalls, lines, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}
