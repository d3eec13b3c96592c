import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import packageJson from '../package.json' with { type: 'json' }
import { toConfig } from '../src/config/config.ts'
import { createLog } from '../src/log.ts'
import { createService } from '../src/service/service.ts'

const run = promisify(execFile)
const repository = fileURLToPath(new URL('..', import.meta.url))

const KEY = 'start-key-0123456789-0123456789-0123456'
const PEM =
  '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n'

test('a start that fails leaves the store free for the next one', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-start-'))
  const values = {
    API_KEYS: `test:${KEY}`,
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

test('npm start, the documented start and the image run the same command', async () => {
  const read = (path: string) => readFile(join(repository, path), 'utf8')
  const { start } = packageJson.scripts
  const page = await read('docs/set-up-microsoft.md')
  assert(page.includes(`\`node_modules/.bin/${start}\``), 'docs/set-up-microsoft.md')
  const [, command = '[]'] = /^CMD (\[.*\])$/m.exec(await read('Dockerfile')) ?? []
  assert.equal(JSON.parse(command).join(' '), start, 'Dockerfile')
  assert.match(await read('.env.example'), /start with: npm start\n/)
})

test('the start reads .env where there is one, and what the environment sets wins', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-env-'))
  t.after(() => rm(directory, { recursive: true }))
  const [, ...args] = packageJson.scripts.start.split(' ')
  const complaints = async (env: NodeJS.ProcessEnv) => {
    const command = [...args.slice(0, -1), resolve(repository, args.at(-1) ?? '')]
    const ended = run(process.execPath, command, { cwd: directory, env })
    return ended.then(
      () => assert.fail('it started'),
      ({ stderr }: { stderr: string }) => stderr,
    )
  }
  assert.match(await complaints({}), /^API_KEYS is missing/m)
  await writeFile(join(directory, '.env'), `API_KEYS=test:${KEY}\nPORT=none\nLOG_LEVEL=loud\n`)
  const withFile = await complaints({ LOG_LEVEL: 'info' })
  assert.doesNotMatch(withFile, /API_KEYS is missing|LOG_LEVEL/)
  assert.match(withFile, /^PORT is/m)
})
