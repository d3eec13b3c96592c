import { BlockList, isIP } from 'node:net'

/** Source: IANA, "IPv4 Special-Purpose Address Registry" and "IPv4 Multicast Address Space". */
const specialIpv4 = blockList('ipv4', [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24'],
  ...['192.168.0.0/16', '192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
  // Azure's platform answers here on every virtual machine, although the range is a public one.
  '168.63.129.16/32',
])

/** All that is routed in public lies in here: no mapped, translated, local or multicast address does. */
const globalIpv6 = blockList('ipv6', ['2000::/3'])

/** Source: IANA, "IPv6 Special-Purpose Address Registry": protocol assignments (Teredo), documentation, 6to4. */
const specialIpv6 = blockList('ipv6', [
  ...['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'],
])

const loopbackIpv4 = blockList('ipv4', ['127.0.0.0/8'])

/** Whether an IP address can only be a host of the public Internet. false for a text that is no address. */
export function isPublicAddress(address: string): boolean {
  switch (familyOf(address)) {
    case 4:
      return !specialIpv4.check(address, 'ipv4')
    case 6:
      return globalIpv6.check(address, 'ipv6') && !specialIpv6.check(address, 'ipv6')
    default:
      return false
  }
}

export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || (familyOf(address) === 4 && loopbackIpv4.check(address, 'ipv4'))
}

/** An address with a zone (fe80::1%eth0) belongs to one link and counts as none. */
function familyOf(address: string): number {
  return address.includes('%') ? 0 : isIP(address)
}

function blockList(family: 'ipv4' | 'ipv6', subnets: readonly string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [net = '', prefix = ''] = subnet.split('/')
    list.addSubnet(net, Number(prefix), family)
  }
  return list
}
