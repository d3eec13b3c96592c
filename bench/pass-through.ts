import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import { defaultSettings } from '../src/dataverse/settings.ts'
import { createAgent } from '../src/exchange.ts'

/**
 * The least that a proxy could do: the same two calls to the same server over the same kind of connections,
 * with no key, no check, no store, no log and no second try. Says its URL.
 */

const { DATAVERSE_URL: origin = '', ENTRA_AUTHORITY = '', ENTRA_TENANT_ID = '' } = process.env
const { ENTRA_CLIENT_ID = '', ENTRA_CLIENT_SECRET = '' } = process.env
const signedIn = await fetch(`${ENTRA_AUTHORITY}/${ENTRA_TENANT_ID}/oauth2/v2.0/token`, {
  method: 'POST',
  body: new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: ENTRA_CLIENT_ID,
    client_secret: ENTRA_CLIENT_SECRET,
    scope: `${origin}/.default`,
  }),
})
const { access_token } = (await signedIn.json()) as { access_token: string }

const agent = createAgent(defaultSettings)
const headers = {
  authorization: `Bearer ${access_token}`,
  accept: 'application/json',
  'odata-version': '4.0',
  'odata-maxversion': '4.0',
  'if-none-match': 'null',
}

async function post(path: string, contentType: string, body: string): Promise<number> {
  const reply = await agent.request({
    origin,
    path: `/api/data/v9.2/${path}`,
    method: 'POST',
    headers: { ...headers, 'content-type': contentType },
    body,
  })
  await reply.body.text()
  return reply.statusCode
}

function lookUp(email: string, id: string): string {
  const part = (set: string, key: string) =>
    [
      '--b',
      'Content-Type: application/http',
      'Content-Transfer-Encoding: binary',
      '',
      `GET /api/data/v9.2/${set}?$select=${key},statecode,merged,_masterid_value&$filter=emailaddress1%20eq%20'${encodeURIComponent(email)}'%20or%20${key}%20eq%20${id}&$top=51 HTTP/1.1`,
      'accept: application/json',
      '',
      '',
      '',
    ].join('\r\n')
  return `${part('leads', 'leadid')}${part('contacts', 'contactid')}--b--\r\n`
}

interface Body {
  person: { email: string; firstName: string; lastName: string; company: string }
}

const app = Fastify()
app.post<{ Body: Body }>('/', async ({ body: { person } }, reply) => {
  const recordId = randomUUID()
  const found = await post('$batch', 'multipart/mixed; boundary="b"', lookUp(person.email, recordId))
  const row = {
    leadid: recordId,
    emailaddress1: person.email,
    firstname: person.firstName,
    lastname: person.lastName,
    companyname: person.company,
  }
  const made = await post('leads', 'application/json', JSON.stringify(row))
  if (found !== 200 || made !== 204)
    return reply.code(502).send({ outcome: `batch ${found}, create ${made}` })
  return { outcome: 'created', recordType: 'lead', recordId }
})
process.on('disconnect', () => void Promise.all([app.close(), agent.close()]))
process.send?.({ url: await app.listen({ host: '127.0.0.1', port: 0 }) })
