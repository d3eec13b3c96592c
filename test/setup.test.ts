import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Sandbox, startSandbox } from '../sandbox/index.ts'

/** The command as an operator runs it: a process with Marketo's variables and nothing else of ours. */

const MAIN = fileURLToPath(new URL('../src/setup.ts', import.meta.url))
const SYSTEM_FIELDS = ['microsoftRecordId', 'microsoftType', 'microsoftIsDeleted', 'microsoftCreatedDate']
const ACTIVITY = 'Custom activity "Microsoft Sync Result"'
const READY = 'Marketo is ready for the background sync.'
const NOT_READY = 'Not ready: fix the problems above, and run this again.'

async function setup(environment: Record<string, string>, ...flags: string[]) {
  const child = spawn(process.execPath, [MAIN, ...flags], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { lines: out.split('\n').slice(0, -1), err, code }
}

async function openSandbox(t: TestContext): Promise<Sandbox> {
  const sandbox = await startSandbox()
  t.after(() => sandbox.close())
  return sandbox
}

test('makes what is missing, and finds all of it present the next time', async (t) => {
  const sandbox = await openSandbox(t)
  const first = await setup(sandbox.marketoEnvironment())
  assert.deepEqual(first, {
    lines: [...SYSTEM_FIELDS.map((name) => `${name}: created`), `${ACTIVITY}: created`, READY],
    err: '',
    code: 0,
  })
  const second = await setup(sandbox.marketoEnvironment())
  assert.deepEqual(second.lines, [
    ...SYSTEM_FIELDS.map((name) => `${name}: present`),
    `${ACTIVITY}: present`,
    READY,
  ])
  assert.equal(second.code, 0)
})

test('what it made can be written: by the record id, and as an activity', async (t) => {
  const sandbox = await openSandbox(t)
  await setup(sandbox.marketoEnvironment())
  const id = sandbox.marketo.seed({
    email: 'ann@example.com',
    microsoftRecordId: 'r-1',
    microsoftIsDeleted: true,
  })
  assert.deepEqual(sandbox.marketo.person(id)?.microsoftRecordId, 'r-1')
  const activity = sandbox.marketo.subscription.types.all().find(({ approved }) => approved)
  assert.deepEqual(
    activity?.approved?.attributes.map(({ apiName }) => apiName),
    ['code', 'field', 'advice', 'vendorMessage', 'recordType', 'recordId', 'campaign', 'activityId'],
  )
})

test('--mapped-fields also makes the selected fields that are in no Marketo by themselves', async (t) => {
  const sandbox = await openSandbox(t)
  const { lines, code } = await setup(sandbox.marketoEnvironment(), '--mapped-fields')
  assert.equal(code, 0)
  const made = lines.filter((line) => line.endsWith(': created')).map((line) => line.split(':')[0])
  assert.deepEqual(made, [
    ...SYSTEM_FIELDS,
    'microsoftStatusReason',
    'microsoftAddress2',
    'microsoftAddress3',
    'microsoftDoNotEmail',
    'microsoftDoNotFax',
    'microsoftDoNotSendMarketingMaterial',
    'microsoftHomePhone',
    'microsoftPreferredMethodOfContact',
    'microsoftTopic',
    'subject',
    ACTIVITY,
  ])
})

test("--mapped-fields follows FIELDS_FILE, and leaves Sales Insight's fields to Sales Insight", async (t) => {
  const sandbox = await openSandbox(t)
  const directory = await mkdtemp(join(tmpdir(), 'setup-'))
  t.after(() => rm(directory, { recursive: true }))
  const FIELDS_FILE = join(directory, 'fields.json')
  await writeFile(FIELDS_FILE, JSON.stringify({ select: ['sales-insight', 'microsoftTopic'] }))
  const { lines } = await setup({ ...sandbox.marketoEnvironment(), FIELDS_FILE }, '--mapped-fields')
  assert.deepEqual(
    lines.slice(SYSTEM_FIELDS.length).map((line) => line.split(':')[0]),
    ['microsoftTopic', ACTIVITY, READY],
  )
})

test('names a field that the API may not write', async (t) => {
  const sandbox = await openSandbox(t)
  const fields = [
    { name: 'microsoftRecordId', dataType: 'string', updateable: true },
    { name: 'microsoftType', dataType: 'string', updateable: false },
    { name: 'microsoftIsDeleted', dataType: 'boolean', updateable: true },
    { name: 'microsoftCreatedDate', dataType: 'datetime', updateable: true },
  ]
  const body = JSON.stringify({ requestId: 'r', success: true, result: [{ name: 'API Lead', fields }] })
  sandbox.marketo.bend({ path: /describe2/, how: { kind: 'body', body } })
  const { lines, code } = await setup(sandbox.marketoEnvironment())
  assert.equal(code, 1)
  assert.match(lines[1] ?? '', /^microsoftType: cannot be written over the API/)
})

test('names a field of another type, makes the others, and ends with 1', async (t) => {
  const sandbox = await openSandbox(t)
  sandbox.marketo.addField({ name: 'microsoftIsDeleted', dataType: 'string' })
  const { lines, code } = await setup(sandbox.marketoEnvironment())
  assert.equal(code, 1)
  assert.deepEqual(
    lines.map((line) => line.slice(0, 60)),
    [
      'microsoftRecordId: created',
      'microsoftType: created',
      'microsoftIsDeleted: is of type string, expected boolean: rename or hide'.slice(0, 60),
      'microsoftCreatedDate: created',
      `${ACTIVITY}: created`,
      NOT_READY,
    ],
  )
})

test('says which permission is missing, once, and goes on with what needs another', async (t) => {
  const sandbox = await openSandbox(t)
  sandbox.marketo.bend({
    method: 'POST',
    path: /schema\/fields/,
    how: { kind: 'error', code: '603', message: 'Access denied' },
  })
  const { lines, code } = await setup(sandbox.marketoEnvironment())
  assert.equal(code, 1)
  assert.match(lines[0] ?? '', /^microsoftRecordId: .*permission Read-Write Schema Custom Field/)
  assert.deepEqual(lines.slice(1), [
    ...SYSTEM_FIELDS.slice(1).map((name) => `${name}: not tried, because the previous one was denied.`),
    `${ACTIVITY}: created`,
    NOT_READY,
  ])
})

test('stops at wrong credentials with one sentence', async (t) => {
  const sandbox = await openSandbox(t)
  const { lines, code } = await setup({ ...sandbox.marketoEnvironment(), MARKETO_CLIENT_SECRET: 'wrong' })
  assert.equal(code, 1)
  assert.equal(lines.length, 2)
  assert.match(lines[0] ?? '', /^microsoftRecordId: .*MARKETO_CLIENT_SECRET/)
  assert.equal(lines[1], NOT_READY)
})

test('asks for nothing but Marketo, in the words of the service', async () => {
  const without = await setup({})
  assert.deepEqual([without.code, without.lines], [1, []])
  assert.match(without.err, /^MARKETO_URL, MARKETO_CLIENT_ID and MARKETO_CLIENT_SECRET are missing/)
  const half = await setup({ MARKETO_URL: 'https://123-ABC-456.mktorest.com' })
  assert.match(half.err, /^MARKETO_CLIENT_ID and MARKETO_CLIENT_SECRET missing/)
  const plain = await setup({
    MARKETO_URL: 'http://marketo.example',
    MARKETO_CLIENT_ID: 'i',
    MARKETO_CLIENT_SECRET: 'hush',
  })
  assert.match(plain.err, /^MARKETO_URL uses plain http/)
  assert.doesNotMatch(plain.err, /hush/)
})

test('refuses a flag that it does not know, before it calls anybody', async (t) => {
  const sandbox = await openSandbox(t)
  const { err, code } = await setup(sandbox.marketoEnvironment(), '--all')
  assert.equal(code, 1)
  assert.match(err, /--all/)
  assert.deepEqual(sandbox.marketo.calls, [])
})
