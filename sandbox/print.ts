import type { Sandbox } from './index.ts'
import type { Campaign } from './marketo/flow-step/campaign.ts'

export const HELP = `
The service and a sandbox of Microsoft's and Marketo's servers, on this machine only. No account, no set-up.

  npm run sandbox                   runs until Ctrl+C and prints how to try it
  npm run sandbox -- --data DIR     keeps the service's data in DIR, else it is removed at the end
  npm run sandbox -- --fields FILE  tries a FIELDS_FILE: creates its fields and columns on both sides, and
                                    lists what cannot be synced
  npm run sandbox -- --port N       tries port N first, instead of 8080
  npm run sandbox -- --tour         runs a tour through the endpoints, checks every promise, and exits
  npm run sandbox -- --busy         runs while people edit, add, qualify, merge and delete on both sides;
                                    --seed N repeats the same operations, --for SECONDS ends after that time
  npm run sandbox -- --help         prints this text
`

/** What a newcomer needs to see something happen. */
export function welcome(sandbox: Sandbox, serviceUrl: string, apiKey: string, dataDirectory: string): string {
  const { dataverse, marketo } = sandbox
  const person = {
    marketoId: 4711,
    email: 'ann@example.com',
    firstName: 'Ann',
    lastName: 'Ek',
    company: 'Ek AB',
  }
  return `
Sync Person to Microsoft is running against a sandbox. Nothing leaves this machine.

  Swagger UI      ${serviceUrl}/docs
  API key         ${apiKey}

Sync a person as a campaign engine would:

${curl(`${serviceUrl}/v1/flow-actions/sync-person-to-microsoft`, apiKey, { person })}

Sync a person as a Marketo webhook would:

${curl(`${serviceUrl}/webhooks/marketo/sync-person-to-microsoft`, apiKey, { ...person, marketoId: 4712, email: 'bo@example.com', firstName: 'Bo' })}

Let the sandbox's Marketo call that webhook for its person 1001:

${callWebhook(sandbox.marketo.url, serviceUrl, apiKey)}

The background sync runs every 5 seconds. Change either side and watch the other (maja, 1001, is linked
once the webhook above was called):

  in Marketo      curl -s -X PATCH ${marketo.url}/_sandbox/people/1001 -d '{"city":"Lund"}'
  sales' lead     curl -s -X POST ${dataverse.url}/_sandbox/seed \\
                    -d '{"table":"lead","columns":{"subject":"Fair","lastname":"Dahl","emailaddress1":"dahl@example.com"}}'
  in Dynamics     curl -s -X PATCH '${dataverse.url}/_sandbox/rows/leads(ID)' -d '{"jobtitle":"Buyer"}'
  all people      curl -s ${marketo.url}/_sandbox/people

${['status', 'conflicts', 'failures', 'fields'].map((endpoint) => `  ${endpoint.padEnd(14)}  ${syncCurl(serviceUrl, apiKey, 'GET', endpoint)}`).join('\n')}
${['preview', 'pause', 'resume'].map((endpoint) => `  ${endpoint.padEnd(14)}  ${syncCurl(serviceUrl, apiKey, 'POST', endpoint)}`).join('\n')}

Let it run a batch campaign over all its people with the flow step, which is installed there:

  curl -s -X POST ${sandbox.marketo.url}/_sandbox/flow-steps/run \\
    -d '${JSON.stringify(CAMPAIGN)}'
  curl -s ${sandbox.marketo.url}/_sandbox/flow-steps/runs

See what was created:

  in a browser    ${sandbox.dataverse.url}/
  as JSON         curl -s ${sandbox.dataverse.url}/_sandbox/rows/leads
  every write     curl -s ${sandbox.dataverse.url}/_sandbox/commits

Make Dynamics misbehave once (here: it creates the lead, then cuts the connection):

  curl -s -X POST ${sandbox.dataverse.url}/_sandbox/bend \\
    -d '{"operation":"create","how":{"kind":"reset-after-commit"}}'

  Sandbox Dynamics   ${sandbox.dataverse.url}
  Sandbox Entra ID   ${sandbox.entra.url}
  Sandbox Marketo    ${sandbox.marketo.url}    (open it in a browser: people, webhook calls, campaigns)
  Service's data     ${dataDirectory}

Ctrl+C stops everything.
`
}

/** The webhook as an admin would define it, tokens unquoted since the encoding adds the quotes. */
const WEBHOOK_TEMPLATE =
  '{"marketoId": {{lead.Id}}, "email": {{lead.Email Address}}, "firstName": {{lead.First Name}}, "lastName": {{lead.Last Name}}, "company": {{company.Company Name}}}'

/** As a marketer drags the step into a flow. */
const CAMPAIGN: Campaign = { name: 'Spring Fair', type: 'batch', attributes: { syncAs: 'lead' } }

/** How the sandbox's Marketo calls the service for a person. */
export function webhookOf(personId: number, serviceUrl: string, apiKey: string) {
  return {
    personId,
    url: `${serviceUrl}/webhooks/marketo/sync-person-to-microsoft`,
    encoding: 'JSON' as const,
    template: WEBHOOK_TEMPLATE,
    headers: { 'x-api-key': apiKey },
  }
}

function callWebhook(marketoUrl: string, serviceUrl: string, apiKey: string): string {
  return `  curl -s -X POST ${marketoUrl}/_sandbox/call-webhook \\
    -d '${JSON.stringify(webhookOf(1001, serviceUrl, apiKey))}'`
}

function syncCurl(serviceUrl: string, apiKey: string, method: 'GET' | 'POST', endpoint: string): string {
  const post = method === 'POST' ? '-X POST ' : ''
  return `curl -s ${post}${serviceUrl}/v1/sync/${endpoint} -H 'x-api-key: ${apiKey}'`
}

function curl(url: string, apiKey: string, body: unknown): string {
  return `  curl -s -X POST ${url} \\
    -H 'x-api-key: ${apiKey}' -H 'content-type: application/json' \\
    -d '${JSON.stringify(body)}'`
}
