import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import test from 'node:test'
import fc from 'fast-check'
import { callbackRig } from './callback-rig.ts'

/** PORT stands for one that somebody listens on, on this machine. */
const hostile: readonly (readonly [what: string, ...urls: string[]])[] = [
  ['another scheme', 'http://adobe.io/', 'ftp://adobe.io/', 'file:///etc/passwd', 'javascript:alert(1)'],
  [
    'another scheme',
    'gopher://adobe.io:443/',
    'data:application/json,{}',
    'ws://adobe.io/',
    'wss://adobe.io/',
  ],
  [
    'plain http',
    'http://x.adobe.io/',
    'http://127.0.0.1:PORT/',
    'http://localhost:PORT/',
    'http://[::1]:PORT/',
  ],
  ['no address', '', ' ', 'adobe.io', '//adobe.io/', '/cfa/submit', 'https://', 'https:///', 'https://:443/'],
  ['too few or too many slashes', 'https:adobe.io/', 'https:/adobe.io/', 'https:///adobe.io/'],
  ['a host that only looks allowed', 'https://evil-adobe.io/', 'https://adobe.io.evil.example/'],
  ['a host that only looks allowed', 'https://adobe.io-evil.example/', 'https://adobeio/', 'https://io/'],
  [
    'a host that only looks allowed',
    'https://adobe.ioo/',
    'https://xadobe.io/',
    'https://evil.example/adobe.io',
  ],
  ['a suffix in the wrong place', 'https://evil.example?adobe.io', 'https://evil.example/?.adobe.io'],
  [
    'user info',
    'https://adobe.io@127.0.0.1:PORT/',
    'https://user:pass@adobe.io/',
    'https://user@x.adobe.io/',
  ],
  ['user info', 'https://127.0.0.1:PORT@adobe.io/', 'https://:@adobe.io/', 'https://@adobe.io/'],
  ['user info in disguise', 'https://evil.example%40adobe.io/', 'https://127.0.0.1:PORT%2f@adobe.io/'],
  ['a fragment', 'https://adobe.io/#x', 'https://evil.example#adobe.io', 'https://adobe.io#@evil.example/'],
  [
    'a fragment',
    'https://evil.example#.adobe.io/',
    'https://adobe.io/?a#',
    'https://127.0.0.1:PORT#.adobe.io/',
  ],
  [
    'a backslash',
    'https:\\\\adobe.io/',
    'https://adobe.io\\@evil.example/',
    'https://evil.example\\.adobe.io/',
  ],
  ['a backslash', 'https://adobe.io/\\..\\x', 'https:/\\adobe.io/'],
  ['white space', ' https://adobe.io/', 'https://adobe.io/ ', 'https://adobe.io/a b', 'https:// adobe.io/'],
  ['a tab or a line break', 'https://ado\tbe.io/', 'https://adobe.io/\r\nx-evil: 1', 'ht\ntps://adobe.io/'],
  [
    'a tab or a line break',
    'https://127.0.0.1:PORT\t.adobe.io/',
    '\u0000https://adobe.io/',
    'https://adobe.io/\u0000',
  ],
  ['a host with a dot too many', 'https://adobe.io./', 'https://x.adobe.io./', 'https://.adobe.io/'],
  ['a host with a dot too many', 'https://x..adobe.io/', 'https://adobe.io../', 'https://127.0.0.1.:PORT/'],
  [
    'a host with odd signs',
    'https://-.adobe.io/',
    'https://-x.adobe.io/',
    'https://x-.adobe.io/',
    'https://_.adobe.io/',
  ],
  [
    'a host with odd signs',
    'https://*.adobe.io/',
    'https://x,y.adobe.io/',
    'https://$x.adobe.io/',
    'https://a|b.adobe.io/',
  ],
  [
    'percent signs',
    'https://%61dobe.io/',
    'https://adobe%2eio/',
    'https://x%00.adobe.io/',
    'https://%31%32%37.0.0.1/',
  ],
  [
    'full-width and other letters',
    'https://ａｄｏｂｅ.io/',
    'https://adobe。io/',
    'https://аdobe.io/',
    'https://adobe.ıo/',
  ],
  [
    'a soft hyphen or no width at all',
    'https://ado\u00adbe.io/',
    'https://adobe\u200b.io/',
    '\ufeffhttps://adobe.io/',
  ],
  [
    'punycode that looks alike',
    'https://xn--dobe-43d.io/',
    'https://adobe.xn--o-1ga/',
    'https://xn--adobe-.io/',
  ],
  [
    'another port',
    'https://adobe.io:80/',
    'https://adobe.io:8443/',
    'https://x.adobe.io:PORT/',
    'https://adobe.io:0/',
  ],
  [
    'a port in disguise',
    'https://adobe.io:0443/',
    'https://adobe.io:+443/',
    'https://adobe.io:/',
    'https://adobe.io:443:443/',
  ],
  [
    'a port that is none',
    'https://adobe.io:65979/',
    'https://adobe.io:４４３/',
    'https://adobe.io:443x/',
    'https://adobe.io:-1/',
  ],
  [
    'an IPv4 address',
    'https://127.0.0.1/',
    'https://127.0.0.1:PORT/',
    'https://169.254.169.254/latest/meta-data/',
  ],
  [
    'a short IPv4 address',
    'https://127.1/',
    'https://127.0.1/',
    'https://0/',
    'https://10.1/',
    'https://127.0.0.1./',
  ],
  [
    'IPv4 in other numbers',
    'https://0x7f000001/',
    'https://2130706433/',
    'https://017700000001/',
    'https://0x7f.1/',
  ],
  [
    'IPv4 in other numbers',
    'https://0177.0.0.1/',
    'https://0x7f.0x0.0x0.0x1/',
    'https://127.0.0.0x1/',
    'https://127.000.000.001/',
  ],
  [
    'IPv4 in other digits',
    'https://１２７.０.０.１/',
    'https://①②⑦.⓪.⓪.①/',
    'https://127。0。0。1/',
    'https://1２7.0.0.1:PORT/',
  ],
  [
    'IPv6',
    'https://[::1]/',
    'https://[::1]:PORT/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]:PORT/',
    'https://[::]/',
  ],
  [
    'IPv6',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[fe80::1%25eth0]/',
    'https://[0:0:0:0:0:0:0:1]:PORT/',
  ],
  [
    'IPv6 without or with half its brackets',
    'https://::1/',
    'https://[::1/',
    'https://[::1].adobe.io/',
    'https://[adobe.io]/',
  ],
  [
    'names of this machine',
    'https://localhost/',
    'https://localhost:PORT/',
    'https://x.localhost/',
    'https://127.0.0.1.nip.io/',
  ],
  ['a suffix alone', 'https://io/', 'https://com/', 'https://.io/'],
  [
    'too long',
    `https://adobe.io/${'x'.repeat(2_048)}`,
    `https://${'x'.repeat(64)}.adobe.io/`,
    `https://${'x.'.repeat(130)}adobe.io/`,
  ],
]
const corpus = hostile.flatMap(([what, ...urls]) => urls.map((url): [string, string] => [what, url]))

/** A socket on this machine that counts who comes. */
async function trap() {
  const arrivals: unknown[] = []
  const server = createServer((socket) => void arrivals.push(socket.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { port, arrivals, [Symbol.dispose]: () => void server.close() }
}

test('of a corpus of hostile addresses none is looked up and none is connected to', async () => {
  using socket = await trap()
  const rig = callbackRig({ addresses: ['127.0.0.1'] })
  assert.ok(new Set(corpus.map(([, url]) => url)).size >= 140)
  for (const [what, pattern] of corpus) {
    const url = pattern.replace('PORT', String(socket.port))
    const named = `${what}: ${JSON.stringify(url)}`
    assert.match(rig.sender.refuse(url) ?? '', /^The callback address [^"]+\.$/, named)
    const result = await rig.send({ url })
    assert.deepEqual(result, { kind: 'final', reason: 'address-refused' }, named)
  }
  assert.deepEqual([rig.lookedUp, socket.arrivals], [[], []])
})

test('where loopback is allowed, all of the corpus stays refused but its three plain spellings', async () => {
  const rig = callbackRig({ allowLoopback: true })
  const allowed = corpus
    .map(([, url]) => url.replace('PORT', '80'))
    .filter((url) => rig.sender.refuse(url) === undefined)
  assert.deepEqual(allowed, ['http://127.0.0.1:80/', 'http://localhost:80/', 'http://[::1]:80/'])
})

test('with loopback allowed every other spelling of it is refused', () => {
  const rig = callbackRig({ allowLoopback: true })
  const spellings = [
    '127.1',
    '0x7f000001',
    '2130706433',
    '0',
    '127.0.0.2',
    '[::ffff:7f00:1]',
    'localhost.',
    'user@localhost',
  ]
  for (const host of spellings) assert.ok(rig.sender.refuse(`http://${host}:8080/`), host)
})

test('an allowed host, and what is below it, may be called in the ways a host is written', () => {
  const rig = callbackRig()
  const addresses = [
    'https://adobe.io',
    'https://x.adobe.io/cfa/submit',
    'https://a.b.c.adobe.io/',
    'HTTPS://X.Adobe.IO/y',
  ]
  addresses.push(
    'https://adobe.io:443/',
    'https://adobe.io?a=b',
    'https://123-abc.mktorest.com/x?y=%2e&z=@#'.slice(0, -1),
  )
  for (const url of addresses) assert.equal(rig.sender.refuse(url), undefined, url)
})

test('no configuration makes an IP address a name, nor an address of nobody one of somebody', () => {
  const rig = callbackRig({ hosts: ['', '127.0.0.1', '[::1]', '8.8.8.8', '127.1', '0x7f000001', '1'] })
  for (const host of ['127.0.0.1', '[::1]', '8.8.8.8', '127.1', '0x7f000001', '1']) {
    assert.match(rig.sender.refuse(`https://${host}/`) ?? '', /names an IP address|is not a plain/, host)
  }
  for (const url of ['', 'data:application/json,{}', 'javascript:alert(1)', 'file:///etc/passwd']) {
    assert.equal(rig.sender.refuse(url), 'The callback address is not a plain https address.', url)
  }
})

test('whatever is put around an allowed host, nobody but it and what is below it is looked up', async () => {
  const rig = callbackRig({ addresses: ['10.0.0.1'] })
  const signs = ['adobe.io', '.adobe.io', '@', '/', '\\', '#', '?', ':', '443', '127.0.0.1', '%2e', '\t', 'x']
  const piece = fc.oneof(fc.constantFrom(...signs), fc.string({ unit: 'binary', maxLength: 3 }))
  const pieces = fc.array(piece, { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(pieces, async (some) => {
      await rig.send({ url: `https://${some.join('')}` })
    }),
    { numRuns: 200, examples: [[['x', '.adobe.io']]] },
  )
  const strangers = rig.lookedUp.filter((host) => !/^(?:[a-z\d-]+\.)*adobe\.io$/.test(host))
  assert.deepEqual([strangers, rig.lookedUp[0]], [[], 'x.adobe.io'])
})
