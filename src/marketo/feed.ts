import type { CallContext } from '../abort.ts'
import type { Log } from '../event-log.ts'
import { asObject, type JsonObject } from '../shape.ts'
import type { FeedPage } from './changes.ts'
import type { Client } from './client.ts'
import { CallRefused } from './refusal.ts'
import type { MarketoSettings } from './settings.ts'
import { unavailable } from './verdict.ts'
import { writeDate } from './wire-values.ts'

/** A log of Marketo that is read page by page, behind a token. */
export interface Feed {
  start(since: number, call: CallContext): Promise<string>
  /** `read` gives undefined for an entry that cannot be read: it is counted, and the page goes on without it. */
  page<Item>(
    query: { path: string; name: string; token: string; parameters: Readonly<Record<string, string>> },
    read: (entry: JsonObject) => Item | undefined,
    call: CallContext,
  ): Promise<FeedPage<Item> | { kind: 'lost' }>
}

const permission = 'Read-Only Activity'

/** Source: Adobe, "Paging tokens" and "Activities". */
export function createFeed(options: { client: Client; settings: MarketoSettings; log: Log }): Feed {
  const { client, settings, log } = options
  /** The last one issued, while no page was read with it: a refusal cannot be about it. */
  let unused: string | undefined

  return {
    async start(since, call) {
      const query = new URLSearchParams({ sinceDatetime: writeDate(since) })
      const request = { path: 'activities/pagingtoken.json', query, name: 'begin a feed', permission }
      const answer = await client.read({ ...request, timeoutMs: settings.feedStartTimeoutMs }, call)
      if (answer.nextPageToken === undefined) throw unavailable('no paging token', answer.requestId)
      unused = answer.nextPageToken
      return unused
    },

    async page({ path, name, token, parameters }, read, call) {
      const query = new URLSearchParams({
        ...parameters,
        nextPageToken: token,
        batchSize: String(settings.batchSizeMax),
      })
      const request = { path, query, name, permission, timeoutMs: settings.feedTimeoutMs }
      try {
        const answer = await client.read(request, call)
        if (token === unused) unused = undefined
        const { moreResult, nextPageToken = token, requestId } = answer
        // A page that leads to itself would be read for ever.
        const more = moreResult && nextPageToken !== token
        const entries = answer.items.map((entry) => read(asObject(entry) ?? {}))
        const items = entries.filter((item) => item !== undefined)
        const unreadable = entries.length - items.length
        if (unreadable > 0) {
          log.warn({
            event: 'marketo-entries-unreadable',
            request: name,
            count: unreadable,
            vendorRequestId: requestId,
          })
        }
        return { kind: 'page', items, unreadable, next: nextPageToken, more }
      } catch (error) {
        if (token !== unused && isAboutToken(error)) return { kind: 'lost' }
        // Of no record, since a feed is asked about none: a code that Adobe does not list may pass.
        if (!(error instanceof CallRefused) || !error.isUnlisted) throw error
        throw unavailable(error.message, error.detail.vendorRequestId)
      }
    },
  }
}

/**
 * Adobe documents neither how long a paging token lasts nor what its end looks like. So every refusal for good
 * counts as one, save those that name another cause: method, body, address, feature or field.
 */
const otherCauses = new Set(['605', '609', '610', '612', '613', '616', '703', '1006', '1011', '1018'])

function isAboutToken(error: unknown): boolean {
  if (!(error instanceof CallRefused) || error.fields.length > 0 || error.isUnlisted) return false
  const { vendorCode = '' } = error.detail
  return /^\d+$/.test(vendorCode) && !otherCauses.has(vendorCode)
}
