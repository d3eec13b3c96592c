import type { Success } from './envelope.ts'
import { fieldsNotFound, missingParameter } from './errors.ts'
import type { FeedPage } from './feed.ts'
import { instantOf, listOf, numbersOf, pageSize, required } from './parameters.ts'
import type { Subscription } from './subscription.ts'

const TYPES_MAX = 10
const PEOPLE_MAX = 30

/** Get Paging Token. */
export function readPagingToken({ feed }: Subscription, query: URLSearchParams): Success {
  const since = required(query, 'sinceDatetime')
  return { nextPageToken: feed.tokenSince(instantOf(since, 'sinceDatetime')) }
}

/** Get Lead Activities. */
export function readActivities({ feed }: Subscription, query: URLSearchParams): Success {
  const typeIds = numbersOf(query, 'activityTypeIds', TYPES_MAX)
  if (typeIds.length === 0) throw missingParameter('activityTypeIds')
  return show(feed.activities({ ...asked(query), typeIds }))
}

/** Get Lead Changes. */
export function readLeadChanges({ feed, schema, knobs }: Subscription, query: URLSearchParams): Success {
  const fields = listOf(query, 'fields')
  if (fields.length === 0) throw missingParameter('fields')
  const unknown = fields.filter((name) => !schema.field(name))
  if (unknown.length > 0) throw fieldsNotFound(unknown, knobs.unknownFieldWords)
  return show(feed.leadChanges({ ...asked(query), fields }))
}

/** Get Deleted Leads. */
export function readDeletedLeads({ feed }: Subscription, query: URLSearchParams): Success {
  return show(feed.deletedLeads(asked(query)))
}

function asked(query: URLSearchParams) {
  const leadIds = numbersOf(query, 'leadIds', PEOPLE_MAX)
  return {
    token: required(query, 'nextPageToken'),
    size: pageSize(query),
    ...(leadIds.length > 0 && { leadIds }),
  }
}

/** A page with nothing to say has no result at all, as recorded. */
function show({ items, nextPageToken, moreResult }: FeedPage): Success {
  return { nextPageToken, moreResult, ...(items.length > 0 && { result: items }) }
}
