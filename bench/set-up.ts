import { systemClock } from '../src/clock.ts'
import { createLog } from '../src/log.ts'
import { createMarketo } from '../src/marketo/marketo.ts'
import { defaultSelection } from '../src/person/selection.ts'
import { setUpMarketo } from '../src/sync/setup.ts'

/** What `npm run setup -- --mapped-fields` makes in Marketo. */
export async function setUp({
  MARKETO_URL: url = '',
  MARKETO_CLIENT_ID: clientId = '',
  MARKETO_CLIENT_SECRET: clientSecret = '',
}: Record<string, string>): Promise<void> {
  const log = createLog({ level: 'error' })
  await using marketo = createMarketo({ url, clientId, clientSecret, clock: systemClock, log })
  const { signal } = new AbortController()
  await setUpMarketo({ schema: marketo.schema, selection: defaultSelection(), say: () => {} }, { signal })
}
