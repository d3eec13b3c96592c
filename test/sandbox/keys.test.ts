import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './client.ts'

const ID = '0b1d7c5e-6c0a-5f1e-9d56-0a2f3f6f8b11'

test('only an Active alternate key resolves and refuses a second row', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const key = { schemaName: 'new_EmailKey', columns: ['emailaddress1'] }
  await client.send('POST', 'leads', { leadid: ID, emailaddress1: 'a.b@example.invalid' })
  const byKey = "leads(emailaddress1='A.B@example.invalid')"
  assert.equal((await client.send('GET', byKey)).code, '0x80060888')
  dataverse.setKeys('lead', [{ ...key, status: 'Pending' }])
  assert.equal((await client.send('GET', byKey)).code, '0x80060888')
  const twin = dataverse.seed('lead', { emailaddress1: 'A.B@example.invalid' })
  dataverse.remove('lead', twin)
  dataverse.setKeys('lead', [{ ...key, status: 'Active' }])
  assert.equal((await client.send('GET', byKey)).json?.leadid, ID)
  const second = await client.send('POST', 'leads', { emailaddress1: 'a.b@example.invalid' })
  assert.deepEqual([second.status, second.code], [412, '0x80060892'])
  assert.equal((await client.send('GET', "leads(emailaddress1='c@example.invalid')")).code, '0x80060891')
})

test('an update cannot take the key of another row', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  dataverse.setKeys('lead', [{ schemaName: 'new_Key', columns: ['emailaddress1'], status: 'Active' }])
  dataverse.seed('lead', { emailaddress1: 'a@example.invalid' })
  const id = dataverse.seed('lead', { emailaddress1: 'b@example.invalid' })
  const patch = async (email: string) =>
    (await client.send('PATCH', `leads(${id})`, { emailaddress1: email })).code
  assert.deepEqual(
    [await patch('A@example.invalid'), await patch('B@example.invalid')],
    ['0x80060892', undefined],
  )
})

test('rows without a value in the key are exempt from it', async () => {
  await using client = await connect()
  client.sandbox.dataverse.setKeys('lead', [
    { schemaName: 'k', columns: ['emailaddress1'], status: 'Active' },
  ])
  const create = async () => (await client.send('POST', 'leads', {})).status
  assert.deepEqual([await create(), await create()], [204, 204])
})

test('an upsert by key takes the key from the URL and answers with the URL it was given', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  dataverse.setKeys('lead', [{ schemaName: 'k', columns: ['emailaddress1'], status: 'Active' }])
  const path = "leads(emailaddress1='d@example.invalid')"
  const answer = await client.send('PATCH', path, { lastname: 'D' })
  assert.equal(answer.headers.get('odata-entityid'), `${dataverse.url}/api/data/v9.2/${path}`)
  await client.send('PATCH', path, { lastname: 'E', emailaddress1: 'ignored@example.invalid' })
  assert.deepEqual(
    dataverse.rows('lead').map((row) => [row.lastname, row.emailaddress1]),
    [['E', 'd@example.invalid']],
  )
})

test('a key value with a forbidden character cannot be addressed, encoded or not', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  dataverse.setKeys('lead', [{ schemaName: 'k', columns: ['emailaddress1'], status: 'Active' }])
  for (const value of ['a%2Bb@x.invalid', 'a%2Fb@x.invalid', 'a%26b@x.invalid', 'a%25b@x.invalid']) {
    dataverse.seed('lead', { emailaddress1: decodeURIComponent(value) })
    assert.equal((await client.send('GET', `leads(emailaddress1='${value}')`)).code, '0x80060888', value)
  }
})
