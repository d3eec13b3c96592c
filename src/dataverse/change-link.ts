import { Rejected } from '../errors.ts'
import type { Table } from './records.ts'
import { SERVICE_ROOT } from './sender.ts'
import { entitySets } from './table.ts'

/**
 * A nextLink or deltaLink with all that it stands for: our token goes only to the configured organisation,
 * and only to the rows of this table. It stays absolute, so that a link of one organisation is never
 * followed in another. Throws Rejected `foreign-link`.
 */
export function checkedLink(link: string, origin: string, table: Table): URL {
  const url = URL.parse(link, origin)
  const home = `${SERVICE_ROOT}${entitySets[table]}`
  const plain = url?.username === '' && url.password === '' && url.hash === ''
  if (url === null || !plain || url.origin !== origin || url.pathname !== home) {
    throw new Rejected('a link leads outside the organisation', {
      code: 'foreign-link',
      advice:
        "Set DATAVERSE_URL to the organisation's own address, and make sure that no proxy rewrites its answers.",
    })
  }
  return url
}

/** Below the service root, as the client wants it. */
export function pathBelowRoot(url: URL): string {
  return url.pathname.slice(SERVICE_ROOT.length) + url.search
}

/** Of changes, and not of the first read of all rows. */
export function isDeltaLink(url: URL): boolean {
  return url.searchParams.has('$deltatoken')
}
