import assert from 'node:assert/strict'
import test from 'node:test'
import { createUsers } from '../../src/dataverse/users.ts'
import { Unavailable } from '../../src/errors.ts'
import { manualClock } from './manual-clock.ts'
import { bareClient, call, inTurn, json, listeningLog, refusal, scriptedServer } from './rig.ts'
import { openRoom } from './room.ts'

test('the list has the enabled people by name, and neither machines nor administrators', async () => {
  await using room = await openRoom()
  const seed = (firstname: string, columns: Record<string, unknown> = {}) =>
    room.sandbox.dataverse.seed('systemuser', { firstname, lastname: 'Ser', ...columns })
  const zoe = seed('Zoe', { internalemailaddress: 'zoe@contoso.example' })
  const ann = seed('Ann')
  seed('Gone', { isdisabled: true })
  seed('Robot', { applicationid: '6f1c0d5e-0c1f-4c43-9d0a-3b8c5f1b2a10' })
  for (const accessmode of [1, 2, 3, 4, 5]) seed(`Mode ${accessmode}`, { accessmode })
  const users = await room.users.list(call)
  assert.deepEqual(
    users.map(({ name, email }) => [name, email]),
    [
      ['Ann Ser', undefined],
      ['Mia Manager', 'mia.manager@contoso.example'],
      ['Sam Sales', 'sam.sales@contoso.example'],
      ['Zoe Ser', 'zoe@contoso.example'],
    ],
  )
  assert.deepEqual([users[0]?.id, users[3]?.id], [ann, zoe])
})

const ID = '6f1c0d5e-0c1f-4c43-9d0a-3b8c5f1b2a10'
const page = (...names: (string | null)[]) =>
  json(200, { value: names.map((fullname) => ({ systemuserid: ID, fullname, internalemailaddress: null })) })
const away = refusal(503, '0x80040216', 'away')

async function openUsers(...answers: Parameters<typeof inTurn>) {
  const server = await scriptedServer(inTurn(...answers))
  const bare = bareClient(server.origin, { usersTtlMs: 1_000, usersRetryMs: 100, usersMax: 7 })
  const { clock, advance } = manualClock()
  const { log, lines } = listeningLog()
  const closing = new AbortController()
  const users = createUsers({ ...bare, clock, log, closing: closing.signal })
  return {
    users,
    seen: server.seen,
    lines,
    advance,
    async [Symbol.asyncDispose]() {
      closing.abort()
      await bare[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

test('the list is read once for all who ask, kept for a time, and holds at most usersMax', async () => {
  await using rig = await openUsers(page('Ann', null, ' '), page('Bea'))
  const names = async () => (await rig.users.list(call)).map(({ name }) => name)
  assert.deepEqual(await Promise.all([names(), names()]), [['Ann'], ['Ann']])
  assert.match(rig.seen[0]?.path ?? '', /&\$top=7$/)
  await rig.advance(999)
  assert.deepEqual([await names(), rig.seen.length], [['Ann'], 1])
  await rig.advance(1)
  assert.deepEqual([await names(), rig.seen.length], [['Bea'], 2])
})

test('an old list is served while Dynamics is away, and asked for again a little later', async () => {
  await using rig = await openUsers(page('Ann'), away, page('Bea'))
  const names = async () => (await rig.users.list(call)).map(({ name }) => name)
  await names()
  await rig.advance(1_000)
  assert.deepEqual([await names(), await names(), rig.seen.length], [['Ann'], ['Ann'], 2])
  assert.deepEqual(rig.lines, ['{"event":"old-users","error":"Unavailable"}'])
  await rig.advance(100)
  assert.deepEqual(await names(), ['Bea'])
})

test('without a list it says that Dynamics is away, and a caller who leaves is told so', async () => {
  await using rig = await openUsers(away, page('Ann'))
  await assert.rejects(rig.users.list(call), Unavailable)
  await assert.rejects(rig.users.list({ signal: AbortSignal.abort(new Error('gone')) }), Unavailable)
})
