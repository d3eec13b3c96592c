import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startSandbox } from '../sandbox/index.ts'

/** npm run doctor as an administrator runs it: a process with the environment of a service that is not running. */

const MAIN = fileURLToPath(new URL('../src/doctor.ts', import.meta.url))

async function doctor(environment: Record<string, string>, ...flags: string[]) {
  const child = spawn(process.execPath, [MAIN, ...flags], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { out, err, code }
}

async function prepare(t: TestContext) {
  const sandbox = await startSandbox()
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-doctor-'))
  t.after(async () => {
    await sandbox.close()
    await rm(directory, { recursive: true })
  })
  const keys = { API_KEYS: `marketo:doctor-key-7f3a91c04be25d86-qXzW`, DATA_DIR: directory }
  return { sandbox, directory, environment: { ...sandbox.environment(), ...keys } }
}

test('everything is in order: exit code 0, and nothing was made anywhere', async (t) => {
  const { sandbox, directory, environment } = await prepare(t)
  const { out, err, code } = await doctor(environment)
  assert.deepEqual([code, err], [0, ''])
  assert.match(out, /^ok {7}dynamics-sign-in +Signed in to organization /m)
  assert.match(out, /, 0 warn, 0 fail, \d+ skipped\n$/)
  assert.deepEqual(await readdir(directory), [])
  assert.deepEqual(sandbox.dataverse.commits, [])
})

test('a failed check gives exit code 1; --json is for scripts', async (t) => {
  const { environment } = await prepare(t)
  const { out, code } = await doctor({ ...environment, ENTRA_CLIENT_SECRET: 'wrong' }, '--json')
  assert.equal(code, 1)
  const { checks } = JSON.parse(out) as { checks: Record<string, string>[] }
  const failed = checks.filter(({ status }) => status === 'fail')
  assert.deepEqual(
    failed.map(({ id, code }) => [id, code]),
    [['dynamics-sign-in', 'entra-secret-wrong']],
  )
})

test('settings that are missing are findings, each with its sentence', async () => {
  const { out, code } = await doctor({})
  assert.equal(code, 1)
  assert.match(out, /^FAIL {5}configuration +DATAVERSE_URL is missing/m)
})
