import { type SandboxOptions, startSandbox } from '../../sandbox/index.ts'
import { systemClock } from '../../src/clock.ts'
import { createMarketo } from '../../src/marketo/marketo.ts'
import type { MarketoSettings } from '../../src/marketo/settings.ts'
import { listeningLog } from '../dataverse/rig.ts'

/** The whole room against the sandbox's Marketo. */
export async function openSandboxRoom(
  options: { sandbox?: SandboxOptions; settings?: Partial<MarketoSettings>; secret?: string } = {},
) {
  const stack = new AsyncDisposableStack()
  const { marketo } = stack.use(await startSandbox(options.sandbox))
  const { clientId, clientSecret } = marketo.service
  const { log } = listeningLog()
  const room = stack.use(
    createMarketo({
      url: marketo.url,
      clientId,
      clientSecret: options.secret ?? clientSecret,
      settings: options.settings ?? {},
      clock: systemClock,
      log,
    }),
  )
  const told = () => marketo.calls.map(({ operation, errorCode }) => errorCode ?? operation)
  return { ...room, marketo, told, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}
