import type { CallContext } from '../abort.ts'
import { Rejected } from '../errors.ts'
import { checkedLink, isDeltaLink, pathBelowRoot } from './change-link.ts'
import { METADATA_VERSION, readChangePage } from './change-page.ts'
import type { ChangePage, Changes } from './changes.ts'
import type { Client } from './client.ts'
import type { Table } from './records.ts'
import type { ApiRequest } from './sender.ts'
import type { DataverseSettings } from './settings.ts'
import { entitySets, selectOf } from './table.ts'
import { type Reply, unavailable, vendorError } from './verdict.ts'

/** Change tracking over the Web API. */
export function createChanges(options: {
  client: Client
  /** Of the organisation, such as https://contoso.crm4.dynamics.com. */
  origin: string
  settings: DataverseSettings
}): Changes {
  const { client, origin, settings } = options
  const pageSize = `odata.include-annotations="${METADATA_VERSION}",odata.maxpagesize=${settings.changesPageSize}`
  const tracking = `odata.track-changes,${pageSize}`

  const ask = async (table: Table, prefer: string, request: Question, call: CallContext): Promise<Reply> => {
    const { path, understands } = request
    const reply = await client.send(
      {
        method: 'GET',
        path,
        headers: { prefer },
        name: `changes of ${table}`,
        timeoutMs: settings.bulkTimeoutMs,
        understands: (given) => isUntracked(given) || understands?.(given) === true,
      },
      call,
    )
    if (isUntracked(reply)) throw untracked(reply)
    return reply
  }

  const pageOf = (reply: Reply, table: Table): ChangePage => {
    const page = readChangePage(reply, table)
    const ids = reply.requestId === undefined ? {} : { vendorRequestId: reply.requestId }
    return { kind: 'page', ...page, next: checkedLink(page.next, origin, table).href, ...ids }
  }

  return {
    async start(table, columns, call) {
      const path = `${entitySets[table]}?${selectOf(table, columns)}`
      return pageOf(await ask(table, tracking, { path }, call), table)
    },
    async follow(table, next, call) {
      // The organisation has another address now; its token of the old one is not sent there.
      if (URL.parse(next, origin)?.origin !== origin) return { kind: 'expired' }
      const url = checkedLink(next, origin, table)
      const request = { path: pathBelowRoot(url), understands: isExpired }
      const reply = await ask(table, isDeltaLink(url) ? pageSize : tracking, request, call)
      if (isExpired(reply)) return { kind: 'expired' }
      const page = pageOf(reply, table)
      if (page.more && page.next === url.href) throw unavailable(reply, 'a page of changes links to itself')
      return page
    },
  }
}

type Question = Pick<ApiRequest, 'path' | 'understands'>

/** ChangeTrackingNotEnabledForEntity. */
function isUntracked(reply: Reply): boolean {
  return reply.status >= 400 && vendorError(reply)?.code === '0x80072491'
}

function untracked(reply: Reply): Rejected {
  return new Rejected('change tracking is off for a table', {
    code: 'change-tracking-off',
    advice: 'Switch on "Track changes" in the properties of the tables lead and contact.',
    vendorCode: '0x80072491',
    ...(reply.requestId === undefined ? {} : { vendorRequestId: reply.requestId }),
  })
}

/** ExpiredVersionStamp. The HTTP status that comes with it is not documented. */
const expiredCode = '0x80044352'
/**
 * What is wrong with the question itself: its syntax or a column (0x80060888), an argument, or nothing that
 * has a code. The question was Dataverse's own link, so the table or the token has changed; a start with
 * today's columns says what is wrong if that is not it.
 */
const questionCodes: ReadonlySet<string | undefined> = new Set(['0x80060888', '0x80040203', '0x0', undefined])

function isExpired(reply: Reply): boolean {
  const { status } = reply
  // Without Dataverse's envelope somebody in between has answered.
  const error = status >= 400 ? vendorError(reply) : undefined
  if (error === undefined) return false
  if (error.code === expiredCode || status === 410) return true
  return (status === 400 || status === 404) && questionCodes.has(error.code)
}
