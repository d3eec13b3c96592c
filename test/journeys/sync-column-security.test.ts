import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Json, type SyncRig, startSyncRig } from './sync-rig.ts'

const NG = { lastname: 'Ng', emailaddress1: 'ng@x.example', jobtitle: 'Boss', telephone1: '1' }

function grant({ dataverse }: Pick<SyncRig, 'dataverse'>, may: Json, table: 'lead' | 'contact' = 'lead') {
  const id = dataverse.addProfile('Sync', [{ table, column: 'jobtitle', ...may }])
  dataverse.assignProfile(id, dataverse.ids.applicationUser)
  return id
}

const setUpFailures = async (rig: SyncRig) =>
  (await rig.failuresOf())
    .map(({ code, field }) => [code, field])
    .filter(([code]) => code === 'column-secured')

test('a secured column is set aside in both directions and named, and the rest travels', async () => {
  await using rig = await startSyncRig({
    prepare: ({ dataverse }) => dataverse.secureColumn('lead', 'jobtitle', true),
  })
  const pair = await rig.pair('lead', NG)
  assert.deepEqual([pair.person().title ?? null, pair.person().phone], [null, '1'])
  rig.marketo.update(pair.marketoId, { title: 'CEO', phone: '2' })
  await rig.cycle()
  assert.deepEqual([pair.lead().jobtitle, pair.lead().telephone1], ['Boss', '2'])
  assert.deepEqual(await setUpFailures(rig), [['column-secured', 'jobtitle']])
  const { body } = await rig.request('GET', '/v1/sync/fields')
  const line = (body.fields as { lead: Json[] }).lead.find(({ column }) => column === 'jobtitle')
  assert.deepEqual([line?.state, line?.code], ['set-aside', 'column-secured'])
})

const arrivals: { name: string; edit: (rig: SyncRig, pair: { id: string; marketoId: number }) => void }[] = [
  {
    name: 'an edit in Dynamics shows it empty',
    edit: ({ dataverse }, { id }) => dataverse.update('lead', id, { telephone1: '2' }),
  },
  {
    name: 'the answer to a write of ours shows it empty',
    edit: ({ marketo }, { marketoId }) => marketo.update(marketoId, { phone: '2' }),
  },
]
for (const mask of [false, true]) {
  for (const { name, edit } of arrivals) {
    test(`a column that is secured ${mask ? 'and masked ' : ''}while the service runs wipes nothing when ${name}`, async () => {
      await using rig = await startSyncRig()
      const pair = await rig.pair('lead', NG)
      await rig.cycle()
      rig.dataverse.secureColumn('lead', 'jobtitle', true, mask)
      edit(rig, pair)
      await rig.cycle()
      await rig.cycle()
      assert.deepEqual([pair.person().title, pair.person().phone], ['Boss', '2'])
      assert.deepEqual([pair.lead().jobtitle, pair.lead().telephone1], ['Boss', '2'])
      assert.deepEqual(await setUpFailures(rig), [['column-secured', 'jobtitle']])

      rig.dataverse.secureColumn('lead', 'jobtitle', false)
      rig.dataverse.expireTokens('lead')
      const { toDynamics, toMarketo } = await rig.writesDuring(async () => {
        await rig.cycle(3_600_000)
        await rig.cycle()
      })
      assert.deepEqual([toDynamics, toMarketo], [[], []], 'readable again is no edit')
      assert.deepEqual(await setUpFailures(rig), [])
    })
  }
}

test('what either side edited meanwhile travels when the column is readable again', async () => {
  await using rig = await startSyncRig()
  const one = await rig.pair('lead', NG)
  const other = await rig.pair('lead', { ...NG, emailaddress1: 'other@x.example' })
  rig.dataverse.secureColumn('lead', 'jobtitle', true)
  rig.dataverse.update('lead', one.id, { telephone1: '2' })
  await rig.cycle()
  rig.dataverse.update('lead', one.id, { jobtitle: 'CEO' })
  rig.marketo.update(other.marketoId, { title: 'CTO' })
  await rig.cycle()
  rig.dataverse.secureColumn('lead', 'jobtitle', false)
  await rig.cycle(3_600_000)
  await rig.cycle()
  assert.deepEqual([one.lead().jobtitle, one.person().title], ['CEO', 'CEO'])
  assert.deepEqual([other.lead().jobtitle, other.person().title], ['CTO', 'CTO'])
})

test('a permission that is taken away while the service runs wipes nothing', async () => {
  let profile = ''
  await using rig = await startSyncRig({
    prepare: ({ dataverse }) => {
      dataverse.secureColumn('lead', 'jobtitle', true)
      profile = grant({ dataverse }, { read: true, create: true, update: true })
    },
  })
  const pair = await rig.pair('lead', NG)
  assert.equal(pair.person().title, 'Boss', 'a column that we may read travels')
  rig.dataverse.assignProfile(profile, rig.dataverse.ids.applicationUser, false)
  rig.dataverse.update('lead', pair.id, { telephone1: '2' })
  await rig.cycle()
  assert.deepEqual([pair.person().title, pair.person().phone], ['Boss', '2'])
  assert.deepEqual(await setUpFailures(rig), [['column-secured', 'jobtitle']])
})

test('while the schema stays as it is, security costs no call', async () => {
  await using rig = await startSyncRig()
  const pair = await rig.pair('lead', NG)
  await rig.cycle()
  rig.dataverse.update('lead', pair.id, { telephone1: '2' })
  const calls = await rig.callsDuring(() => rig.cycle())
  assert.equal(pair.person().phone, '2')
  assert.deepEqual(
    calls.map(({ table }) => table),
    ['lead', 'contact'],
  )
})

test('a column that we may read and not update travels to Marketo only', async () => {
  await using rig = await startSyncRig({
    prepare: ({ dataverse }) => {
      dataverse.secureColumn('lead', 'jobtitle', true)
      grant({ dataverse }, { read: true })
    },
  })
  const pair = await rig.pair('lead', NG)
  rig.marketo.update(pair.marketoId, { title: 'CEO', phone: '2' })
  await rig.cycle()
  assert.deepEqual([pair.lead().jobtitle, pair.lead().telephone1], ['Boss', '2'])
  rig.dataverse.update('lead', pair.id, { jobtitle: 'CTO' })
  await rig.cycle()
  assert.equal(pair.person().title, 'CTO')
})

test('an update that is refused because the permission has just gone is decided again without the column', async () => {
  let profile = ''
  await using rig = await startSyncRig({
    prepare: ({ dataverse }) => {
      dataverse.secureColumn('lead', 'jobtitle', true)
      profile = grant({ dataverse }, { read: true, update: true })
    },
  })
  const pair = await rig.pair('lead', NG)
  rig.dataverse.setPermissions(profile, [{ table: 'lead', column: 'jobtitle', read: true }])
  rig.marketo.update(pair.marketoId, { title: 'CEO', phone: '2' })
  await rig.cycle()
  assert.deepEqual([pair.lead().jobtitle, pair.lead().telephone1], ['Boss', '2'])
  assert.deepEqual(await setUpFailures(rig), [['column-secured', 'jobtitle']])
  assert.deepEqual(await rig.failuresOf(pair.id), [])
})

for (const [column, table] of [
  ['emailaddress1', 'contact'],
  ['new_synctomkto', 'lead'],
] as const) {
  test(`the sync is blocked, and says so, while it may not read ${column}, and begins by itself when it may`, async () => {
    await using rig = await startSyncRig({
      prepare: ({ dataverse }) => {
        dataverse.changeColumn('lead', 'new_synctomkto', { type: 'Boolean' })
        dataverse.secureColumn(table, column, true)
        dataverse.seed('lead', { ...NG, new_synctomkto: false })
      },
    })
    const { state, blocked } = (await rig.status()) as { state: string; blocked: Json }
    assert.deepEqual([state, blocked?.code], ['blocked', 'column-secured'])
    assert.match(String(blocked?.advice), new RegExp(`${table}\\.${column}`))
    assert.equal(rig.marketo.people().length, 0)
    const { ids } = rig.dataverse
    const profile = rig.dataverse.addProfile('Sync', [{ table, column, read: true }])
    rig.dataverse.assignProfile(profile, ids.applicationUser)
    rig.dataverse.seed('lead', { ...NG, emailaddress1: 'two@x.example' })
    await rig.cycle()
    assert.equal((await rig.status()).state, 'running')
    assert.deepEqual(
      rig.marketo.people().map(({ email }) => email),
      ['two@x.example'],
    )
  })
}
