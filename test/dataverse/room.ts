import { type SandboxOptions, startSandbox } from '../../sandbox/index.ts'
import { systemClock } from '../../src/clock.ts'
import { createDataverse } from '../../src/dataverse/dataverse.ts'
import type { Credential } from '../../src/dataverse/entra.ts'
import type { DataverseSettings } from '../../src/dataverse/settings.ts'
import { countingRandom } from './manual-clock.ts'
import { listeningLog } from './rig.ts'

/** The whole room against a sandbox of its own. */
export async function openRoom(
  options: {
    sandbox?: SandboxOptions
    settings?: Partial<DataverseSettings>
    credential?: Credential
    clientId?: string
  } = {},
) {
  const stack = new AsyncDisposableStack()
  const sandbox = stack.use(await startSandbox(options.sandbox))
  const environment = sandbox.environment()
  const setting = (name: string) => environment[name] ?? ''
  const { log, lines } = listeningLog()
  const room = stack.use(
    createDataverse({
      url: setting('DATAVERSE_URL'),
      entra: {
        authority: setting('ENTRA_AUTHORITY'),
        tenant: setting('ENTRA_TENANT_ID'),
        clientId: options.clientId ?? setting('ENTRA_CLIENT_ID'),
        credential: options.credential ?? { kind: 'secret', secret: setting('ENTRA_CLIENT_SECRET') },
      },
      settings: options.settings ?? {},
      clock: systemClock,
      random: countingRandom(),
      log,
    }),
  )
  return { ...room, sandbox, lines, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}
