import assert from 'node:assert/strict'
import test from 'node:test'
import { Unavailable } from '../../src/errors.ts'
import { call } from './rig.ts'
import { openRoom } from './room.ts'

test('a table is described in one request, with the facts of each column type', async () => {
  await using room = await openRoom()
  const { columns } = await room.metadata.table('lead', call)
  assert.equal(room.sandbox.dataverse.calls.length, 1)
  assert.deepEqual(columns.get('lastname'), {
    logicalName: 'lastname',
    type: 'String',
    requiredLevel: 'ApplicationRequired',
    validForCreate: true,
    validForUpdate: true,
    maxLength: 50,
    format: 'Text',
  })
  const shown = (name: string) => {
    const { type, maxLength, format, min, max, options, targets } = columns.get(name) ?? assert.fail(name)
    return { type, maxLength, format, min, max, options: options?.length, targets: targets?.length }
  }
  const none = {
    maxLength: undefined,
    format: undefined,
    min: undefined,
    max: undefined,
    options: undefined,
    targets: undefined,
  }
  assert.deepEqual(shown('emailaddress1'), { ...none, type: 'String', maxLength: 100, format: 'Email' })
  assert.deepEqual(shown('description'), { ...none, type: 'Memo', maxLength: 2000 })
  assert.deepEqual(shown('numberofemployees'), { ...none, type: 'Integer', min: 0, max: 1_000_000 })
  assert.deepEqual(shown('leadsourcecode'), { ...none, type: 'Picklist', options: 10 })
  assert.deepEqual(shown('donotemail'), { ...none, type: 'Boolean', options: 2 })
  assert.deepEqual(shown('ownerid'), { ...none, type: 'Owner', targets: 2 })
  const { format, behavior } = columns.get('schedulefollowup_prospect') ?? assert.fail()
  assert.deepEqual([format, behavior], ['DateOnly', 'UserLocal'])
  assert.deepEqual(
    ['leadsourcecode', 'preferredcontactmethodcode', 'donotemail'].map(
      (name) => columns.get(name)?.hasDefault,
    ),
    [false, true, undefined],
  )
  assert.deepEqual(columns.get('statuscode')?.options?.[0], { value: 1, label: 'New', state: 0 })
  assert.deepEqual(
    [columns.get('modifiedon')?.validForCreate, shown('leadid').type],
    [false, 'Uniqueidentifier'],
  )
})

test('look-ups name the navigation property and entity set of each target', async () => {
  await using room = await openRoom()
  const { columns } = await room.metadata.table('contact', call)
  assert.deepEqual(columns.get('parentcustomerid')?.targets, [
    { table: 'account', navigationProperty: 'parentcustomerid_account', entitySet: 'accounts' },
    { table: 'contact', navigationProperty: 'parentcustomerid_contact', entitySet: 'contacts' },
  ])
})

test('callers at the same time share one request, and later callers the answer', async () => {
  await using room = await openRoom()
  const all = await Promise.all(Array.from({ length: 20 }, () => room.metadata.table('lead', call)))
  assert.equal(new Set([...all, await room.metadata.table('lead', call)]).size, 1)
  assert.equal(room.sandbox.dataverse.calls.length, 1)
})

test('a changed table is seen when the old definition has aged', async () => {
  await using room = await openRoom({ settings: { metadataTtlMs: 0 } })
  await room.metadata.table('lead', call)
  room.sandbox.dataverse.changeColumn('lead', 'lastname', { maxLength: 77 })
  assert.equal((await room.metadata.table('lead', call)).columns.get('lastname')?.maxLength, 77)
})

test('an aged definition is served while Dataverse cannot be asked, which is not asked at every call', async () => {
  await using room = await openRoom({ settings: { metadataTtlMs: 0, metadataRetryMs: 60_000 } })
  const { dataverse } = room.sandbox
  const first = await room.metadata.table('lead', call)
  dataverse.bend({ operation: 'batch', how: { kind: 'html-502-before-commit' } })
  assert.equal(await room.metadata.table('lead', call), first)
  const before = dataverse.calls.length
  assert.equal(await room.metadata.table('lead', call), first)
  assert.equal(dataverse.calls.length, before)
})

test('without any definition an outage is Unavailable, and the next caller asks again', async () => {
  await using room = await openRoom()
  room.sandbox.dataverse.bend({ operation: 'batch', how: { kind: 'reset-before-commit' } })
  await assert.rejects(room.metadata.table('lead', call), Unavailable)
  assert.ok((await room.metadata.table('lead', call)).columns.has('lastname'))
})

test('a caller who gives up does not take the definition from the others', async () => {
  await using room = await openRoom({ sandbox: { replyDelayMs: 50 } })
  const leaving = new AbortController()
  const gone = assert.rejects(room.metadata.table('lead', { signal: leaving.signal }), Unavailable)
  const staying = room.metadata.table('lead', call)
  leaving.abort(new Error('deadline'))
  await gone
  assert.ok((await staying).columns.has('lastname'))
  assert.equal(room.sandbox.dataverse.calls.length, 1)
})

test('asked anew, a changed table is seen at once, and by everybody after that', async () => {
  await using room = await openRoom()
  await room.metadata.table('lead', call)
  room.sandbox.dataverse.changeColumn('lead', 'lastname', { maxLength: 77 })
  const lengthOf = async (fresh: boolean) =>
    (await room.metadata.table('lead', call, { fresh })).columns.get('lastname')?.maxLength
  assert.deepEqual([await lengthOf(false), await lengthOf(true), await lengthOf(false)], [50, 77, 77])
})

test('who asks anew at the same time shares one request', async () => {
  await using room = await openRoom()
  await room.metadata.table('lead', call)
  await Promise.all(Array.from({ length: 5 }, () => room.metadata.table('lead', call, { fresh: true })))
  assert.equal(room.sandbox.dataverse.calls.length, 2)
})

test('asked anew during an outage, the old definition is no answer, but stays one for the others', async () => {
  await using room = await openRoom({ settings: { metadataTtlMs: 0 } })
  const old = await room.metadata.table('lead', call)
  room.sandbox.dataverse.bend({ operation: 'batch', how: { kind: 'html-502-before-commit' } })
  const [asked, others] = await Promise.allSettled([
    room.metadata.table('lead', call, { fresh: true }),
    room.metadata.table('lead', call),
  ])
  assert.ok(asked.status === 'rejected' && asked.reason instanceof Unavailable)
  assert.ok(others.status === 'fulfilled' && others.value === old)
})

test('a table says whether its changes are tracked', async () => {
  await using room = await openRoom()
  assert.equal((await room.metadata.table('lead', call)).changeTracking, true)
})
