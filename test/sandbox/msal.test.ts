import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { ConfidentialClientApplication, type Configuration } from '@azure/msal-node'
import { selfSigned } from '../dataverse/self-signed.ts'
import { type Client, connect, send } from './client.ts'

/** MSAL insists on an https authority; the token endpoint inside the metadata may be http. */
function application(
  client: Client,
  credential: Partial<Configuration['auth']>,
): ConfidentialClientApplication {
  const { url, tenantId, application } = client.sandbox.entra
  const authority = `${url.replace('http:', 'https:')}/${tenantId}`
  const authorityMetadata = JSON.stringify({
    issuer: `${url}/${tenantId}/v2.0`,
    authorization_endpoint: `${url}/${tenantId}/oauth2/v2.0/authorize`,
    token_endpoint: `${url}/${tenantId}/oauth2/v2.0/token`,
    jwks_uri: `${url}/${tenantId}/discovery/v2.0/keys`,
  })
  const knownAuthorities = [new URL(url).host]
  return new ConfidentialClientApplication({
    auth: { clientId: application.clientId, authority, knownAuthorities, authorityMetadata, ...credential },
  })
}

const scopesOf = (client: Client) => [`${client.sandbox.dataverse.url}/.default`]

test('MSAL gets a token with a secret, once, and Dataverse knows the application user', async () => {
  await using client = await connect()
  const { entra, dataverse } = client.sandbox
  entra.reset()
  const msal = application(client, { clientSecret: entra.application.clientSecret })
  const first = await msal.acquireTokenByClientCredential({ scopes: scopesOf(client) })
  await msal.acquireTokenByClientCredential({ scopes: scopesOf(client) })
  assert.deepEqual(
    entra.tokenRequests.map(({ grant }) => grant),
    ['client_secret'],
  )
  const who = await send(client.sandbox, first?.accessToken ?? '', 'GET', 'WhoAmI')
  assert.equal(who.json?.UserId, dataverse.ids.applicationUser)
})

test('MSAL signs in with a trusted certificate and with no other', async () => {
  await using client = await connect()
  const { privateKey, certificate } = selfSigned()
  const thumbprintSha256 = new X509Certificate(certificate).fingerprint256.replaceAll(':', '')
  const signIn = () =>
    application(client, {
      clientCertificate: { privateKey, thumbprintSha256 },
    }).acquireTokenByClientCredential({
      scopes: scopesOf(client),
    })
  await assert.rejects(signIn(), /AADSTS700027/)
  client.sandbox.entra.trustCertificate(certificate)
  const result = await signIn()
  assert.equal((await send(client.sandbox, result?.accessToken ?? '', 'GET', 'WhoAmI')).status, 200)
  assert.equal(client.sandbox.entra.tokenRequests.at(-1)?.grant, 'client_assertion')
})

test('MSAL signs in with a password, as the person it belongs to', async () => {
  await using client = await connect()
  const { entra, dataverse } = client.sandbox
  const msal = application(client, { clientSecret: entra.application.clientSecret })
  const request = {
    scopes: scopesOf(client),
    username: entra.person.userName,
    password: entra.person.password,
  }
  const result = await msal.acquireTokenByUsernamePassword(request)
  const who = await send(client.sandbox, result?.accessToken ?? '', 'GET', 'WhoAmI')
  assert.equal(who.json?.UserId, dataverse.ids.salesPerson)
  await assert.rejects(msal.acquireTokenByUsernamePassword({ ...request, password: 'x' }), /AADSTS50126/)
})

test('MSAL passes on a wrong secret as Entra words it', async () => {
  await using client = await connect()
  const msal = application(client, { clientSecret: 'x' })
  await assert.rejects(msal.acquireTokenByClientCredential({ scopes: scopesOf(client) }), /AADSTS7000215/)
})
