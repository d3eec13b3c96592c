import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rejected, Unavailable } from '../src/errors.ts'
import { createLog, withoutEmails } from '../src/log.ts'

function recordLog(level: 'info' | 'trace' = 'info') {
  const lines: string[] = []
  const log = createLog({ level, destination: { write: (line) => void lines.push(line) } })
  const text = () => lines.join('')
  const last = (): Record<string, unknown> => JSON.parse(lines.at(-1) ?? '{}')
  return { log, text, last }
}

const SECRETS = {
  authorization: 'Bearer SECRET',
  'X-Api-Key': 'SECRET',
  'Set-Cookie': 'SECRET',
  client_secret: 'SECRET',
  access_token: 'SECRET',
  email: 'SECRET',
  firstName: 'SECRET',
  person: { anything: 'SECRET' },
  body: 'SECRET',
  url: '/v1/people?email=SECRET',
}

test('no secret member reaches a line: at the top, nested, in a list, in a child logger, in an error', () => {
  const { log, text } = recordLog()
  log.info(SECRETS)
  log.info({ event: 'nested', deep: { deeper: [SECRETS, { one: SECRETS }] } })
  log.child(SECRETS).info('hello')
  log.error({ failed: Object.assign(new Error('no'), { detail: SECRETS, body: 'SECRET' }) })
  log.info({ deepest: { a: { b: { c: { d: { e: { f: { g: SECRETS } } } } } } } })
  assert.match(text(), /hello/)
  assert.doesNotMatch(text(), /SECRET/)
})

test('what a vendor says in its own words reaches no line', () => {
  const detail = { code: 'business-rule', advice: 'Ask.', vendorMessage: 'Ann Lee is on the blocked list' }
  const { log, text } = recordLog()
  log.warn({ event: 'refused', vendorMessage: detail.vendorMessage })
  log.error(new Rejected('refused', detail))
  assert.match(text(), /business-rule/)
  assert.doesNotMatch(text(), /blocked list/)
})

test("PostgreSQL's detail, which quotes the row, reaches no line, however deep the error is", () => {
  const { log, text } = recordLog()
  const said = Object.assign(new Error('duplicate key value violates unique constraint "x"'), {
    ...{ code: '23505', detail: 'Key (last_name)=(Quixote) already exists.' },
    ...{ where: 'Quixote', hint: 'Quixote', internalQuery: 'Quixote' },
  })
  log.error({ event: 'failed', err: said })
  log.error({ event: 'failed', err: new Unavailable('away', { cause: said }) })
  log.error({ event: 'failed', errors: [said] })
  assert.match(text(), /23505/)
  assert.doesNotMatch(text(), /Quixote/)
})

test('no e-mail address reaches a line, whatever member or message it is in', () => {
  const { log, text } = recordLog()
  log.info(
    { event: 'x', note: 'asked by ann+tag@example.org', other: ['ann@example.org'] },
    'for ann@example.org',
  )
  log.info('GET /people?x=ann%40example.org')
  log.error(new Error('cannot reach ann@example.org'))
  log.error(new Error('"Ann" is not known'))
  log.child({ who: 'ann@example.org' }).info('hello')
  assert.doesNotMatch(text(), /\bann\b|example\.org/i)
  assert.match(text(), /\[e-mail\]/)
})

test('an address is found wherever it stands in a word, and nothing else is taken for one', () => {
  for (const address of ['a@b', 'x%40y', '@@a', 'a@@', 'ä@ö.example', 'a@b%40c']) {
    assert.equal(withoutEmails(`{"m":"to ${address}, now"}`), '{"m":"to [e-mail], now"}', address)
  }
  for (const other of ['@', '@a', 'a@', 'a %40 b', '%40', 'a%40', '%40b', 'a%4', '50% @ 40']) {
    assert.equal(withoutEmails(`{"m":"${other}"}`), `{"m":"${other}"}`, other)
  }
})

test('an error shows type, codes, frames and causes, and nothing that its message quotes', () => {
  const { log, last, text } = recordLog()
  const detail = { code: 'value-too-long', field: 'lastname', advice: 'Shorten it.' }
  const cause = new Unavailable('reset', {
    vendorRequestId: 'r-1',
    cause: new TypeError('bad "Ann Ek" here'),
  })
  log.error({ event: 'failed', err: new Rejected('too long', detail, { cause }) })
  const { err } = last()
  assert(typeof err === 'object' && err !== null)
  assert.partialDeepStrictEqual(err, {
    type: 'Rejected',
    message: 'too long',
    detail,
    cause: {
      type: 'Unavailable',
      vendorRequestId: 'r-1',
      cause: { type: 'TypeError', message: 'bad … here' },
    },
  })
  assert.match(text(), /log\.test\.ts/)
})

test('the text that JSON.parse quotes in its complaint does not reach a line', () => {
  const { log, text } = recordLog()
  try {
    JSON.parse("Ann's Ek")
  } catch (error) {
    log.error(error)
    log.error({ err: error })
    log.error({ other: error })
  }
  assert.match(text(), /SyntaxError/)
  assert.doesNotMatch(text(), /Ann|Ek/)
})

test('a request is its method and route pattern, a reply its status', () => {
  const { log, last } = recordLog()
  const req = { method: 'GET', url: '/v1/people/7?email=a', routeOptions: { url: '/v1/people/:marketoId' } }
  log.info({ req, res: { statusCode: 200 } }, 'done')
  assert.partialDeepStrictEqual(last(), {
    level: 'info',
    req: { method: 'GET', route: '/v1/people/:marketoId' },
    res: { status: 200 },
    msg: 'done',
  })
  assert.doesNotMatch(JSON.stringify(last()), /email/)
})

test('the level is a setting', () => {
  const { log, text } = recordLog('info')
  log.debug({ event: 'quiet' })
  assert.equal(text(), '')
  const loud = recordLog('trace')
  loud.log.trace({ event: 'loud' })
  assert.match(loud.text(), /loud/)
})
