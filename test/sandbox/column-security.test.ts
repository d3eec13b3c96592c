import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, rowsOf } from './client.ts'

const FIELDS = { lastname: 'Ng', jobtitle: 'Boss', emailaddress1: 'ng@x.example' }

test('a secured column reads as null, without a word of it, in a row, a list, a delta and a single value', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const id = dataverse.seed('lead', FIELDS)
  const tracked = { prefer: 'odata.track-changes' }
  const first = await client.send('GET', 'leads?$select=lastname,jobtitle', undefined, tracked)
  assert.equal(rowsOf(first)[0]?.jobtitle, 'Boss')
  dataverse.secureColumn('lead', 'jobtitle', true)
  dataverse.update('lead', id, { lastname: 'Ngo' })

  const row = await client.send('GET', `leads(${id})?$select=lastname,jobtitle`)
  assert.deepEqual([row.status, row.json?.lastname, row.json?.jobtitle], [200, 'Ngo', null])
  assert.equal(rowsOf(await client.send('GET', 'leads?$select=jobtitle'))[0]?.jobtitle, null)
  const delta = String(first.json?.['@odata.deltaLink']).replace(/^.*\/v9\.2\//, '')
  assert.equal(rowsOf(await client.send('GET', delta))[0]?.jobtitle, null)
  assert.equal((await client.send('GET', `leads(${id})/jobtitle`)).status, 204)
  assert.equal(dataverse.row('lead', id)?.jobtitle, 'Boss', 'people in sales see it')
  const attributes = "EntityDefinitions(LogicalName='lead')/Attributes"
  const secured = await client.send('GET', `${attributes}?$select=LogicalName&$filter=IsSecured eq true`)
  assert.deepEqual(
    rowsOf(secured).map(({ LogicalName }) => LogicalName),
    ['jobtitle'],
  )
})

test('a masking rule gives a masked text', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const id = dataverse.seed('lead', FIELDS)
  dataverse.secureColumn('lead', 'emailaddress1', true, true)
  const row = await client.send('GET', `leads(${id})?$select=emailaddress1`)
  assert.equal(row.json?.emailaddress1, 'n***@x.example')
  const rules = await client.send('GET', "attributemaskingrules?$filter=entityname eq 'lead'")
  assert.equal(rowsOf(rules)[0]?.attributelogicalname, 'emailaddress1')
})

test('a write with a secured column is refused with 403, by create and by update', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const id = dataverse.seed('lead', FIELDS)
  dataverse.secureColumn('lead', 'jobtitle', true)
  const made = await client.send('POST', 'leads', FIELDS)
  assert.deepEqual([made.status, made.code], [403, '0x8004f502'])
  const changed = await client.send('PATCH', `leads(${id})`, { jobtitle: 'CEO' })
  assert.deepEqual([changed.status, changed.code], [403, '0x8004f507'])
  const { jobtitle, ...rest } = FIELDS
  assert.equal((await client.send('POST', 'leads', rest)).status, 204)
})

test('a query by a secured column is refused, or blind where the knob says so', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  dataverse.seed('lead', FIELDS)
  dataverse.secureColumn('lead', 'emailaddress1', true)
  const query = "leads?$filter=emailaddress1 eq 'ng@x.example' or lastname eq 'X'"
  const refused = await client.send('GET', query)
  assert.deepEqual([refused.status, refused.code], [403, '0x8004f506'])
  dataverse.setKnobs({ securedFilter: 'blind' })
  assert.deepEqual(rowsOf(await client.send('GET', query)), [])
})

test('the profiles of the user and of the teams say what it may do, as rows that can be read', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const { applicationUser, salesTeam } = dataverse.ids
  const id = dataverse.seed('lead', FIELDS)
  dataverse.secureColumn('lead', 'jobtitle', true)
  const own = dataverse.addProfile('Readers', [{ table: 'lead', column: 'jobtitle', read: true }])
  const team = dataverse.addProfile('Writers', [{ table: 'lead', column: 'jobtitle', update: true }])
  dataverse.assignProfile(own, applicationUser)
  dataverse.assignProfile(team, salesTeam)
  dataverse.joinTeam(salesTeam, applicationUser)

  assert.equal((await client.send('GET', `leads(${id})?$select=jobtitle`)).json?.jobtitle, 'Boss')
  assert.equal((await client.send('PATCH', `leads(${id})`, { jobtitle: 'CEO' })).status, 204)
  assert.equal((await client.send('POST', 'leads', FIELDS)).code, '0x8004f502')

  const user = `systemusers(${applicationUser})`
  const profiles = await client.send('GET', `${user}/systemuserprofiles_association?$select=name`)
  assert.deepEqual(
    rowsOf(profiles).map(({ name }) => name),
    ['Readers'],
  )
  const teams = await client.send(
    'GET',
    `${user}/teammembership_association?$select=teamid&$expand=teamprofiles_association($select=fieldsecurityprofileid)`,
  )
  assert.match(teams.text, new RegExp(team))
  const permissions = await client.send(
    'GET',
    "fieldpermissions?$select=attributelogicalname,canread,cancreate,canupdate,_fieldsecurityprofileid_value&$filter=entityname eq 'lead'",
  )
  const shown = rowsOf(permissions).map(
    ({ canread, cancreate, canupdate, _fieldsecurityprofileid_value }) => {
      return [canread, cancreate, canupdate, _fieldsecurityprofileid_value]
    },
  )
  assert.deepEqual(shown, [
    [4, 0, 0, own],
    [0, 0, 4, team],
  ])
  dataverse.assignProfile('572329c1-a042-4e22-be47-367c6374ea45', applicationUser)
  assert.equal((await client.send('POST', 'leads', FIELDS)).status, 204)
})

test('what the role lacks is refused by name, and its privileges and access can be asked for', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const { applicationUser } = dataverse.ids
  const id = dataverse.seed('lead', FIELDS)
  dataverse.denyPrivileges(['prvReadFieldPermission', 'prvWriteLead'])
  const refused = await client.send('GET', 'fieldpermissions')
  assert.deepEqual([refused.status, refused.code], [403, '0x80040220'])
  assert.match(refused.text, /prvReadFieldPermission/)
  assert.equal((await client.send('PATCH', `leads(${id})`, { jobtitle: 'CEO' })).status, 403)

  const user = `systemusers(${applicationUser})/Microsoft.Dynamics.CRM`
  const privileges = await client.send('GET', `${user}.RetrieveUserPrivileges()`)
  assert.match(privileges.text, /"prvReadLead"/)
  assert.doesNotMatch(privileges.text, /"prvWriteLead"/)
  const target = encodeURIComponent(`{'@odata.id':'leads(${id})'}`)
  const access = await client.send('GET', `${user}.RetrievePrincipalAccess(Target=@t)?@t=${target}`)
  assert.match(String(access.json?.AccessRights), /^ReadAccess, AppendAccess/)
})

test('the metadata version moves with the schema, and $metadata describes the tables', async () => {
  await using client = await connect()
  const wanted = { prefer: 'odata.include-annotations="Microsoft.Dynamics.CRM.globalmetadataversion"' }
  const version = async () =>
    (await client.send('GET', 'leads?$top=1', undefined, wanted)).json?.[
      '@Microsoft.Dynamics.CRM.globalmetadataversion'
    ]
  const before = await version()
  assert.equal(await version(), before)
  client.sandbox.dataverse.secureColumn('lead', 'jobtitle', true)
  assert.notEqual(await version(), before)
  const document = await client.send('GET', '$metadata')
  assert.match(document.headers.get('content-type') ?? '', /xml/)
  assert.match(document.text, /<EntityType Name="lead">.*<Property Name="jobtitle" Type="Edm.String" \/>/)
})

test('all of it can be had over HTTP by another process', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const post = async (control: string, body: unknown) => {
    const response = await fetch(`${dataverse.url}/_sandbox/${control}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    assert.ok(response.ok, `${control}: ${response.status}`)
    return response.status === 204 ? {} : await response.json()
  }
  await post('secure-column', { table: 'lead', column: 'jobtitle', secured: true })
  const permissions = [{ table: 'lead', column: 'jobtitle', create: true }]
  const { id } = (await post('add-profile', { name: 'P', permissions })) as { id: string }
  await post('assign-profile', { profileId: id, principalId: dataverse.ids.applicationUser })
  assert.equal((await client.send('POST', 'leads', FIELDS)).status, 204)
  await post('set-permissions', { profileId: id, permissions: [] })
  assert.equal((await client.send('POST', 'leads', FIELDS)).status, 403)
  await post('deny-privileges', { names: ['prvReadLead'] })
  assert.equal((await client.send('GET', 'leads')).status, 403)
  const wrong = await fetch(`${dataverse.url}/_sandbox/deny-privileges`, {
    method: 'POST',
    body: JSON.stringify({ names: ['prvReadMoon'] }),
  })
  assert.equal(wrong.status, 400)
})
