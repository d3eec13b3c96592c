import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { PostgresBindings } from '../src/store/postgres/bindings.ts'
import { leads, startRig } from './journeys/rig.ts'
import { withoutPostgres } from './postgres/cluster.ts'
import { accept, newRequest } from './store/contract.ts'
import { openPostgres } from './store/postgres-rig.ts'

/** The command as an operator runs it: a process with the store's variables and nothing else of ours. */

const MAIN = fileURLToPath(new URL('../src/rebind.ts', import.meta.url))
const PERSON = { marketoId: 1, email: 'ng@x.example', lastName: 'Ng', company: 'X' }

async function rebind(environment: Record<string, string>, args: string[], input = '') {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(input)
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { out, err, code }
}

describe('npm run rebind', () => {
  it('says what it will forget, asks, and frees the store for another pairing that gets nothing of the old one', async () => {
    await using rig = await startRig({ MARKETO_MUNCHKIN_ID: '111-AAA-111' })
    const before = (await rig.sync(PERSON, { 'idempotency-key': 'one' })).body
    const environment = { DATA_DIR: rig.directory }
    const inUse = await rebind(environment, ['--forget-links', '--yes'])
    assert.equal(inUse.code, 1)
    assert.match(inUse.err, /in use by another process/)

    await rig.stop()
    assert.match((await rebind(environment, [])).err, /--forget-links/)
    const asked = await rebind(environment, ['--forget-links'], 'no\n')
    assert.equal(asked.code, 1)
    assert.match(asked.out, /belongs to the subscription 111-AAA-111/)
    assert.match(asked.out, /- 1 links\n/)
    assert.match(asked.out, /Nothing was deleted/)
    const done = await rebind(environment, ['--forget-links'], 'forget\n')
    assert.deepEqual([done.code, done.err], [0, ''])

    rig.sandbox.dataverse.becomeOrganisation('3f0a2c11-5c1e-ee11-8179-00000000beef', 'none')
    await rig.restart({ MARKETO_MUNCHKIN_ID: '222-BBB-222' })
    assert.equal((await rig.request('GET', '/v1/people/1')).status, 404)
    assert.equal((await rig.request('GET', `/v1/requests/${before.requestId}`)).status, 404)
    const after = (await rig.sync({ ...PERSON, email: 'other@x.example' }, { 'idempotency-key': 'one' })).body
    assert.equal(after.outcome, 'created')
    assert.notEqual(after.recordId, before.recordId)
    assert.equal(leads(rig).length, 1)
  })

  it('does so on PostgreSQL, and not while a service has connections', {
    skip: withoutPostgres,
  }, async () => {
    const { url } = await (async () => {
      await using open = await openPostgres()
      await accept(open.store, newRequest({ marketoId: 1, email: 'a@x' }))
      await new PostgresBindings(open.postgres).bind('organisation', 'a')
      const inUse = await rebind({ DATABASE_URL: open.url }, ['--forget-links', '--yes'])
      assert.equal(inUse.code, 1)
      assert.match(inUse.err, /stop every replica first/)
      return open
    })()
    const done = await rebind({ DATABASE_URL: url }, ['--forget-links', '--yes'])
    assert.deepEqual([done.code, done.err], [0, ''])
    assert.match(done.out, /- 1 requests that are not finished/)
    const again = await rebind({ DATABASE_URL: url }, ['--forget-links', '--yes'])
    assert.match(again.out, /- 0 links\n/)
    assert.doesNotMatch(again.out, /belongs to/)
  })
})
