import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSyncRig } from './rig.ts'

/** What an operator reads when Marketo refuses a read of the sync with a code. */
for (const [code, told, advice] of [
  ['603', 'marketo-access-denied', /Give the API user's role the permission Read-Only Activity/],
  ['604', 'vendor-unavailable', /code 604.*If this persists, look up the code/],
  ['799', 'vendor-unavailable', /code 799.*If this persists, look up the code/],
] as const) {
  test(`the trouble with Marketo's code ${code} names what an operator has to do`, async () => {
    await using rig = await startSyncRig()
    rig.sandbox.marketo.seed({ lastName: 'Ek', email: 'ann@example.com' })
    for (let times = 0; times < 20; times += 1) {
      rig.sandbox.marketo.bend({ operation: 'lead-changes', how: { kind: 'error', code } })
    }
    const cycle = await rig.cycle()
    assert.equal(cycle.code, told)
    assert.match(cycle.advice ?? '', advice)
    assert.doesNotMatch(cycle.advice ?? '', /Nothing to do/)
  })
}
