import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Resolve } from '../exchange.ts'
import { isLoopbackAddress, isPublicAddress } from './public-address.ts'

/** All addresses of a host name, as node:dns gives them. */
export type Lookup = (hostname: string) => Promise<readonly LookupAddress[]>

export const systemLookup: Lookup = (hostname) => lookup(hostname, { all: true })

/** A host that may be called by its name has an address that may not. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
}

/**
 * One answer for the check and for the connection, so that no second look-up can give another one. One bad
 * address refuses them all: whoever mixes them is trying something.
 */
export function createResolver(lookup: Lookup, isLoopback: boolean): Resolve {
  const isAllowed = isLoopback ? isLoopbackAddress : isPublicAddress
  return async (hostname) => {
    const family = isIP(hostname)
    const addresses = family === 0 ? await lookup(hostname) : [{ address: hostname, family }]
    if (addresses.length === 0)
      throw Object.assign(new Error('the host has no address'), { code: 'ENOTFOUND' })
    if (!addresses.every(({ address }) => isAllowed(address))) {
      throw new AddressRefused('the host has an address that may not be called')
    }
    return addresses
  }
}
