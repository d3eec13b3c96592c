import assert from 'node:assert/strict'
import test from 'node:test'
import { Busy, Rejected, Unauthorized, Unavailable } from '../../src/errors.ts'
import { type CodeClass, classify } from '../../src/marketo/refusal.ts'
import { errorOf, judge, rowsOf } from '../../src/marketo/verdict.ts'

const documented: Record<CodeClass, string> = {
  token: '600 601 602',
  transient: '604 608 611 614 713 719 1016 1019 1029',
  window: '606',
  concurrency: '615',
  'daily-calls': '607',
  'daily-jobs': '1020',
  denied: '603',
  permanent:
    '605 609 610 612 613 616 701 703 704 709 710 711 712 714 718 1002 1003 1006 1009 1011 1018 1021 1025 1026 1027 1028 1035 1042 1048 1076 1077 1078 1079 1080',
  record: '1001 1004 1005 1007 1008 1010 1012 1013 1014 1015 1017 1022 1036 1037 1049',
  empty: '702',
}

for (const [codeClass, codes] of Object.entries(documented)) {
  test(`the codes of class ${codeClass} are ${codes}`, () => {
    for (const code of codes.split(' ')) assert.equal(classify(code, 'Some message'), codeClass, code)
  })
}

test('1029 lasts until midnight when it counts bytes, and passes when it counts jobs', () => {
  assert.equal(classify('1029', 'Export daily quota 500MB exceeded'), 'daily-jobs')
  assert.equal(classify('1029', 'Too many jobs (10) in queue'), 'transient')
})

test('a code that nobody documented is taken for a passing one', () => {
  assert.equal(classify('799', ''), 'transient')
  assert.equal(classify('4242', ''), 'transient')
})

test('a code of the numbers that are about records is taken for one about a record', () => {
  assert.equal(classify('1099', 'Something new'), 'record')
})

const reply = (body: unknown, status = 200) => ({
  status,
  body: typeof body === 'string' ? body : JSON.stringify(body),
})
const failed = (code: unknown, message?: unknown) => ({
  requestId: 'a#1',
  success: false,
  errors: [{ code, message }],
})

const answers: [string, unknown, unknown[]][] = [
  ['without errors and warnings', { requestId: 'a#1', success: true, result: [{ id: 1 }] }, [{ id: 1 }]],
  ['without a result', { requestId: 'a#1', success: true }, []],
  ['with empty errors and warnings', { success: true, result: [], errors: [], warnings: [] }, []],
  ['that found nothing, told as a failure (702)', failed('702', 'No data found'), []],
]

for (const [what, body, rows] of answers) {
  test(`a reply ${what} is an answer`, () => {
    const verdict = judge(reply(body))
    assert.ok(verdict.kind === 'answer')
    assert.deepEqual(rowsOf(verdict.answer), rows)
  })
}

const unreadable: [string, unknown, number][] = [
  ['HTML', '<html>Bad Gateway</html>', 502],
  ['HTML with 200', '<html>Maintenance</html>', 200],
  ['an empty body', '', 200],
  ['a body that was cut', '{"requestId":"a#1","success":true,"result":[{"id":1', 200],
  ['an envelope without success', { requestId: 'a#1', result: [] }, 200],
  ['a success of a server that is down', { success: true, result: [] }, 503],
  ['a result that is no list', { success: true, result: {} }, 200],
  ['a failure without errors', { success: false, errors: [] }, 200],
  ['a failure whose error has no code', { success: false, errors: [{ message: 'No.' }] }, 200],
]

for (const [what, body, status] of unreadable) {
  test(`${what} is Unavailable`, () => {
    const verdict = judge(reply(body, status))
    assert.ok(verdict.kind !== 'answer')
    assert.ok(errorOf(verdict, 0, 'Read-Only Person') instanceof Unavailable)
  })
}

type Kind = typeof Unauthorized | typeof Rejected | typeof Busy | typeof Unavailable
const errors: [unknown, number, Kind, string | undefined][] = [
  [failed('601'), 200, Unauthorized, 'marketo-token-refused'],
  [failed('602'), 200, Busy, undefined],
  [failed('603'), 200, Unauthorized, 'marketo-access-denied'],
  [failed('606'), 200, Busy, undefined],
  [failed('607'), 200, Busy, undefined],
  [failed('615'), 200, Busy, undefined],
  [failed('1020'), 200, Busy, undefined],
  [failed(604), 200, Unavailable, undefined],
  [failed('611'), 500, Unavailable, undefined],
  [failed('610'), 404, Rejected, 'marketo-refused'],
  [failed('1003', 'Lead ids not specified'), 200, Rejected, 'marketo-refused'],
  [failed(1003), 200, Rejected, 'marketo-refused'],
  [failed('1007'), 200, Rejected, 'marketo-person-ambiguous'],
  [failed('1022'), 200, Rejected, 'marketo-record-refused'],
  [failed('1018'), 200, Rejected, 'marketo-native-sync-on'],
  [failed('1003', 'Too many results match the filter'), 200, Rejected, 'marketo-too-many-matches'],
  ['<html>Request Entity Too Large</html>', 413, Rejected, 'marketo-too-large'],
  ['', 414, Rejected, 'marketo-too-large'],
]

for (const [body, status, kind, code] of errors) {
  test(`HTTP ${status} with ${JSON.stringify(body).slice(0, 70)} is ${kind.name} ${code ?? ''}`, () => {
    const verdict = judge(reply(body, status))
    assert.ok(verdict.kind !== 'answer')
    const error = errorOf(verdict, 4_711, 'Read-Only Person')
    assert.ok(error instanceof kind)
    if (error instanceof Busy) assert.equal(error.retryAfterMs, 4_711)
    if (error instanceof Unauthorized || error instanceof Rejected) {
      assert.equal(error.detail.code, code)
      if (verdict.kind === 'error') assert.equal(error.detail.vendorRequestId, 'a#1')
    }
    if (error instanceof Unavailable && verdict.kind === 'error') assert.equal(error.vendorRequestId, 'a#1')
  })
}

test('an unknown field is named', () => {
  const verdict = judge(reply(failed('1006', "Field 'mobileFone' not found")))
  assert.ok(verdict.kind === 'error')
  const error = errorOf(verdict, 0, 'Read-Only Person')
  assert.ok(error instanceof Rejected)
  const { code, field, vendorCode } = error.detail
  assert.deepEqual([code, field, vendorCode], ['marketo-field-unknown', 'mobileFone', '1006'])
})

test("the vendor's message, which may quote a person, is in a member of its own and nowhere else", () => {
  for (const code of ['603', '611', '1001', '1003', '1007', '601']) {
    const verdict = judge(reply(failed(code, "Invalid value 'ann@example.org'")))
    assert.ok(verdict.kind === 'error')
    const error = errorOf(verdict, 0, 'Read-Only Person')
    assert.ok(
      !`${error.message} ${JSON.stringify(error, (name, value) => (name === 'vendorMessage' ? undefined : value))}`.includes(
        'ann@',
      ),
    )
  }
})
