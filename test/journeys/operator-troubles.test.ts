import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Rig, startRig } from './rig.ts'

/** What concerns the organisation or our own access: people wait, the code says why, and they arrive afterwards. */

let rig: Rig
before(async () => {
  rig = await startRig()
})
after(() => rig[Symbol.asyncDispose]())

type Bend = Parameters<Rig['sandbox']['dataverse']['bend']>[0]['how']

const ofDataverse: readonly { what: string; how: Bend; code: string }[] = [
  {
    what: 'an IP firewall',
    how: { kind: 'error', status: 403, code: '0x80095ffe', message: 'access to your ip is blocked' },
    code: 'ip-address-blocked',
  },
  {
    what: 'a disabled organisation, with 400 and a signed decimal code',
    how: { kind: 'error', status: 400, code: '-2147180284', message: 'The organization is disabled.' },
    code: 'organisation-disabled',
  },
  {
    what: 'a disabled application user',
    how: { kind: 'error', status: 403, code: '0x80040225', message: 'The specified user is disabled.' },
    code: 'application-user-disabled',
  },
  {
    what: 'a 403 of an unknown kind',
    how: { kind: 'error', status: 403, code: '0x80099999', message: 'No.' },
    code: 'access-refused',
  },
]

let count = 0
async function assertWaits(code: string): Promise<void> {
  count += 1
  const { body } = await rig.sync({
    email: `waits-${count}@example.com`,
    lastName: 'Ek',
    microsoftTopic: 'x',
  })
  assert.equal(body.outcome, 'queued')
  const unfinished = rig.log.filter((line) => line.includes('"attempt-unfinished"')).at(-1) ?? ''
  assert.equal(JSON.parse(unfinished).code, code)
  assert.doesNotMatch(rig.log.join('\n'), /access to your ip|is disabled\./)
  assert.equal((await rig.outcomeOf(body.requestId)).outcome, 'created')
}

for (const { what, how, code } of ofDataverse) {
  test(`${what} is ${code}, and the person arrives afterwards`, async () => {
    rig.sandbox.dataverse.bend({ operation: 'batch', how })
    await assertWaits(code)
  })
}

for (const [number, code] of [
  [53003, 'conditional-access'],
  [7000112, 'entra-app-disabled'],
] as const) {
  test(`AADSTS${number} is ${code}, and the person arrives afterwards`, async () => {
    rig.sandbox.entra.revokeTokens()
    rig.sandbox.entra.bend({ kind: 'aadsts', code: number })
    await assertWaits(code)
  })
}

test('what passes by itself is tried again at once although it comes with HTTP 400', async () => {
  for (const [code, message] of [
    ['0x8004418d', 'no Sandbox Worker processes are currently available'],
    ['0x0', 'SQL timeout expired.'],
    ['-2147204784', 'Sql error'],
  ] as const) {
    count += 1
    rig.sandbox.dataverse.bend({ operation: 'create', how: { kind: 'error', status: 400, code, message } })
    const { body } = await rig.sync({
      email: `waits-${count}@example.com`,
      lastName: 'Ek',
      microsoftTopic: 'x',
    })
    assert.equal(body.outcome, 'created', code)
  }
})
