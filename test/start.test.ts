import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { toConfig } from '../src/config.ts'
import { createLog } from '../src/log.ts'
import { createService } from '../src/service.ts'

const PEM =
  '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n'

test('a start that fails leaves the store free for the next one', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-start-'))
  const values = {
    API_KEYS: `test:${'k'.repeat(32)}`,
    DATA_DIR: directory,
    DATAVERSE_URL: 'https://contoso.crm.dynamics.com',
    ENTRA_TENANT_ID: '11111111-1111-4111-8111-111111111111',
    ENTRA_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
    ENTRA_CLIENT_CERTIFICATE: 'entra.pem',
  }
  const files = { ENTRA_CLIENT_CERTIFICATE: { path: 'entra.pem', text: PEM } }
  const { config, problems } = toConfig({ values, files, strangers: [] })
  assert.ok(config, problems?.join('\n'))
  const start = () => createService(config, { log: createLog({ level: 'silent' }) })
  const first = await start().catch((error: unknown) => String(error))
  assert.ok(typeof first === 'string', 'the credential was usable')
  assert.equal(await start().catch((error: unknown) => String(error)), first)
  await rm(directory, { recursive: true })
})
