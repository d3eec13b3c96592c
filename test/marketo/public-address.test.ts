import assert from 'node:assert/strict'
import test from 'node:test'
import { isLoopbackAddress, isPublicAddress } from '../../src/marketo/callback.ts'

const notPublic: [string, string][] = [
  ['unspecified', '0.0.0.0'],
  ['this network', '0.1.2.3'],
  ['private', '10.0.0.1'],
  ['private', '172.16.0.1'],
  ['private, its last', '172.31.255.255'],
  ['private', '192.168.1.1'],
  ['carrier-grade NAT', '100.64.0.1'],
  ["carrier-grade NAT, a cloud's metadata", '100.100.100.200'],
  ['loopback', '127.0.0.1'],
  ['loopback, its last', '127.255.255.254'],
  ["link-local, a cloud's metadata", '169.254.169.254'],
  ['protocol assignments', '192.0.0.192'],
  ['documentation', '192.0.2.1'],
  ['documentation', '198.51.100.1'],
  ['documentation', '203.0.113.1'],
  ['6to4 relay', '192.88.99.1'],
  ['benchmarking', '198.19.255.255'],
  ['multicast', '224.0.0.1'],
  ['reserved', '240.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ["Azure's platform", '168.63.129.16'],
  ['IPv6 unspecified', '::'],
  ['IPv6 loopback', '::1'],
  ['v4-mapped loopback', '::ffff:127.0.0.1'],
  ['v4-mapped loopback in hex', '::ffff:7f00:1'],
  ['v4-mapped, although public inside', '::ffff:8.8.8.8'],
  ['v4-compatible', '::7f00:1'],
  ['v4-translated', '::ffff:0:7f00:1'],
  ['NAT64', '64:ff9b::7f00:1'],
  ['NAT64, although public inside', '64:ff9b::8.8.8.8'],
  ['local NAT64', '64:ff9b:1::1'],
  ['discard only', '100::1'],
  ['Teredo', '2001:0:7f00:1::1'],
  ['IPv6 benchmarking', '2001:2::1'],
  ['ORCHID', '2001:20::1'],
  ['IPv6 documentation', '2001:db8::1'],
  ['IPv6 documentation', '3fff::1'],
  ['6to4 of loopback', '2002:7f00:1::1'],
  ['segment routing', '5f00::1'],
  ['unique local', 'fc00::1'],
  ["unique local, a cloud's metadata", 'fd00:ec2::254'],
  ['IPv6 link-local', 'fe80::1'],
  ['IPv6 link-local with a zone', 'fe80::1%eth0'],
  ['a public address with a zone', '2606:4700::1111%eth0'],
  ['site-local', 'fec0::1'],
  ['IPv6 multicast', 'ff02::1'],
  ['no address', 'localhost'],
  ['an address short of a number', '127.1'],
  ['nothing', ''],
]

test('no address of a special purpose is public', () => {
  for (const [what, address] of notPublic)
    assert.equal(isPublicAddress(address), false, `${what}: ${address}`)
})

test('addresses right beside the special ranges are public', () => {
  const neighbours = [
    ...[
      '1.0.0.0',
      '8.8.8.8',
      '9.255.255.255',
      '11.0.0.0',
      '100.63.255.255',
      '100.128.0.0',
      '126.255.255.255',
    ],
    ...['128.0.0.0', '169.253.255.255', '172.15.255.255', '172.32.0.0', '192.0.1.0', '192.167.255.255'],
    ...['198.17.255.255', '198.20.0.0', '223.255.255.255', '168.63.129.17'],
    ...['2001:200::1', '2001:db9::1', '2003::1', '2606:4700::1111', '3ffe::1', '2A02:26F0::1'],
  ]
  for (const address of neighbours) assert.equal(isPublicAddress(address), true, address)
})

test('loopback is 127/8 and ::1, and no address that only contains them', () => {
  const table: [string, boolean][] = [
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['128.0.0.1', false],
    ['0.0.0.0', false],
    ['::ffff:127.0.0.1', false],
    ['127.1', false],
  ]
  for (const [address, expected] of table) assert.equal(isLoopbackAddress(address), expected, address)
})
