import { describeTypes, showCustomType } from './activity-types.ts'
import type { Operation } from './bends.ts'
import type { Cause } from './cause.ts'
import { readCrmObject } from './crm-objects.ts'
import { addActivities, approveType, createAttributes, createType } from './custom-activities.ts'
import { describe, describe2 } from './describe.ts'
import type { Success } from './envelope.ts'
import { findLead, findLeads } from './find.ts'
import { deleteLeads, mergeLeads } from './lead-writes.ts'
import { listOf } from './parameters.ts'
import { readActivities, readDeletedLeads, readLeadChanges, readPagingToken } from './read-feed.ts'
import type { Members } from './request.ts'
import { createFields, readField, readFields } from './schema-fields.ts'
import type { Subscription } from './subscription.ts'
import { beginSync } from './sync-leads.ts'
import type { Usage } from './usage.ts'

/** One call of an endpoint. */
interface Work {
  marketo: Subscription
  usage: Usage
  query: URLSearchParams
  /** What the path names, if it names something. */
  subject: string
  body(): Members
  /** Of a write by this call. */
  cause(method: string): Cause
}

interface Route {
  method: 'GET' | 'POST'
  /** After `/rest/v1/`. */
  path: RegExp
  operation: Operation
  /** A function is the write that is still to be done, once the call has looked around. */
  run(work: Work): Success | (() => Success)
}

const read = (operation: Operation, path: RegExp, run: Route['run']): Route => ({
  method: 'GET',
  path,
  operation,
  run,
})
const write = (operation: Operation, path: RegExp, run: Route['run']): Route => ({
  ...read(operation, path, run),
  method: 'POST',
})

/** Every endpoint of the REST API that the sandbox has. */
const ROUTES: readonly Route[] = [
  read('leads', /^leads\.json$/, ({ marketo, query }) => findLeads(marketo, query)),
  read('lead', /^lead\/([^/]+)\.json$/, ({ marketo, subject, query }) => findLead(marketo, subject, query)),
  read('describe', /^leads\/describe\.json$/, ({ marketo }) => ({ result: describe(marketo.schema) })),
  read('describe', /^leads\/describe2\.json$/, ({ marketo }) => ({
    result: describe2(marketo.schema, marketo.knobs.nativeCrmSync),
  })),
  write('sync', /^leads\.json$/, ({ marketo, body, cause }) => {
    const commit = beginSync(marketo, body())
    return () => ({ result: commit(cause('SyncLeads')) })
  }),
  write('delete', /^leads\/delete\.json$/, ({ marketo, body, cause }) => ({
    result: deleteLeads(marketo, body(), cause('DeleteLeads')),
  })),
  write('merge', /^leads\/([^/]+)\/merge\.json$/, ({ marketo, subject, query, cause }) => {
    const losers = ['leadId', 'leadIds'].flatMap((name) => listOf(query, name))
    mergeLeads(marketo, subject, losers, cause('MergeLeads'))
    return {}
  }),
  read('schema', /^leads\/schema\/fields\.json$/, ({ marketo, query }) => readFields(marketo.schema, query)),
  read('schema', /^leads\/schema\/fields\/([^/]+)\.json$/, ({ marketo, subject }) =>
    readField(marketo.schema, subject),
  ),
  write('schema', /^leads\/schema\/fields\.json$/, ({ marketo, body }) => ({
    result: createFields(marketo.schema, body()),
  })),
  read('paging-token', /^activities\/pagingtoken\.json$/, ({ marketo, query }) =>
    readPagingToken(marketo, query),
  ),
  read('activities', /^activities\.json$/, ({ marketo, query }) => readActivities(marketo, query)),
  read('lead-changes', /^activities\/leadchanges\.json$/, ({ marketo, query }) =>
    readLeadChanges(marketo, query),
  ),
  read('deleted-leads', /^activities\/deletedleads\.json$/, ({ marketo, query }) =>
    readDeletedLeads(marketo, query),
  ),
  read('activity-types', /^activities\/types\.json$/, ({ marketo }) => ({
    result: describeTypes(marketo.types),
  })),
  read('external', /^activities\/external\/types\.json$/, ({ marketo }) => ({
    result: marketo.types.all().map((type) => showCustomType(type)),
  })),
  read(
    'external',
    /^activities\/external\/type\/([^/]+)\/describe\.json$/,
    ({ marketo, subject, query }) => ({
      result: [showCustomType(marketo.types.get(subject), query.get('draft') === 'true')],
    }),
  ),
  write('external', /^activities\/external\/type\.json$/, ({ marketo, body }) => createType(marketo, body())),
  write('external', /^activities\/external\/type\/([^/]+)\/attributes\/create\.json$/, (work) =>
    createAttributes(work.marketo, work.subject, work.body()),
  ),
  write('external', /^activities\/external\/type\/([^/]+)\/approve\.json$/, ({ marketo, subject }) =>
    approveType(marketo, subject),
  ),
  write('external', /^activities\/external\/type\/([^/]+)\/delete\.json$/, ({ marketo, subject }) => ({
    result: [showCustomType(marketo.types.delete(subject))],
  })),
  write('external', /^activities\/external\.json$/, ({ marketo, body }) => ({
    result: addActivities(marketo, body()),
  })),
  read('crm', /^(companies|salespersons|opportunities(?:\/roles)?)\/describe\.json$/, (work) =>
    readCrmObject(work.marketo.knobs, work.subject, true),
  ),
  ...[read, write].map((route) =>
    route('crm', /^(companies|salespersons|opportunities(?:\/roles)?)(?:\/delete)?\.json$/, (work) =>
      readCrmObject(work.marketo.knobs, work.subject, false),
    ),
  ),
  read('stats', /^stats\/usage\.json$/, ({ usage }) => ({ result: usage.calls(1) })),
  read('stats', /^stats\/usage\/last7days\.json$/, ({ usage }) => ({ result: usage.calls(7) })),
  read('stats', /^stats\/errors\.json$/, ({ usage }) => ({ result: usage.errors(1) })),
  read('stats', /^stats\/errors\/last7days\.json$/, ({ usage }) => ({ result: usage.errors(7) })),
]

export interface Routed {
  route: Route
  subject: string
}

/** 'method' = the path is known, with another method. */
export function routeFor(method: string, resource: string): Routed | 'method' | 'unknown' {
  if (!resource.startsWith('/rest/v1/')) return 'unknown'
  const path = resource.slice('/rest/v1/'.length)
  let isKnown = false
  for (const route of ROUTES) {
    const match = route.path.exec(path)
    if (match && route.method === method) return { route, subject: match[1] ?? '' }
    isKnown ||= match !== null
  }
  return isKnown ? 'method' : 'unknown'
}
