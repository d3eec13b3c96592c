import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { examine, type Finding } from '../../src/doctor/examination.ts'
import { type GroundOptions, groundChecks } from '../../src/doctor/ground.ts'
import { certificateSeen } from '../../src/doctor/vendors.ts'
import { selfSigned } from '../dataverse/self-signed.ts'

const NO_REPORT = async () => assert.fail('no side is asked')

async function findingsOf(given: Partial<GroundOptions>): Promise<ReadonlyMap<string, Finding>> {
  const options = { warnings: [], directory: undefined, reportFields: NO_REPORT, syncs: false, ...given }
  const checks = groundChecks(options).filter(({ id }) => !id.endsWith('fields'))
  const found = await examine(checks, { clock: systemClock, signal: new AbortController().signal })
  return new Map(found.map((finding) => [finding.id, finding]))
}

test('a certificate is a warning in its last 30 days, and fails once it has expired', () => {
  const { certificate, privateKey } = selfSigned()
  const credential = { kind: 'certificate', pem: `${certificate}${privateKey}` } as const
  const on = (date: string) =>
    certificateSeen(credential, { ...systemClock, wall: () => Date.parse(date) }).status
  assert.equal(on('2048-11-01'), 'ok')
  assert.equal(on('2048-12-15'), 'warn')
  assert.equal(on('2049-01-02'), 'fail')
  assert.equal(certificateSeen({ kind: 'secret', secret: 's' }, systemClock).status, 'skipped')
})

test('a database that takes no writes fails, with the reason', async () => {
  const store = (await findingsOf({ storeFault: async () => 'the disk is full' })).get('store')
  assert.deepEqual([store?.status, store?.code], ['fail', 'store-unavailable'])
  assert.match(store?.seen ?? '', /: the disk is full\.$/)
})

test('settings that are accepted but unwise are a warning', async () => {
  const { status, seen } = (await findingsOf({ warnings: ['This is unwise.'] })).get('configuration') ?? {}
  assert.deepEqual([status, seen], ['warn', 'This is unwise.'])
})

test('DATA_DIR may be missing before the first start, and is a warning while others can read it', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-doctor-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const storeOf = async (path: string) => (await findingsOf({ directory: path })).get('store')?.status
  assert.equal(await storeOf(directory), 'ok')
  await chmod(directory, 0o755)
  assert.equal(await storeOf(directory), 'warn')
  assert.equal(await storeOf(join(directory, 'none')), 'ok')
  assert.match((await findingsOf({ directory })).get('disk')?.seen ?? '', /^\d+\.\d GB are free/)
})
