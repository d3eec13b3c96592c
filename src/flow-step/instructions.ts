/** The page that Marketo offers while the step is installed; also for people who come before. */

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color: #1c2b33 }
  h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
  code { background: #eef3f4; padding: .1em .3em; border-radius: 3px; overflow-wrap: anywhere }
  table { border-collapse: collapse; width: 100% } th, td { text-align: left; vertical-align: top; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid #d5dfe2 }
  li { margin: .4rem 0 }
`

/** Scripts and foreign addresses are refused; Marketo may show the page in a frame. */
export const INSTRUCTIONS_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

/** `base` is the absolute address where the step's paths begin: an origin and a path of ours, so there is nothing to escape. */
export function instructionsPage(base: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sync Person to Microsoft: set-up in Marketo</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Sync Person to Microsoft: set-up in Marketo</h1>
<p>This flow step makes sure that a person exists in Dynamics&nbsp;365 as exactly one lead or contact. A record that exists is never changed. It works in trigger campaigns and in batch campaigns.</p>

<h2>Install</h2>
<ol>
<li>Ask the operator of this service for an API key, a name and a secret. Use a separate key for Marketo.</li>
<li>In <em>Admin &rarr; Service Providers</em> choose <em>Add New Service</em> and give the address <code>${base}/openapi.json</code>.</li>
<li>When asked for the API key, give the secret. Marketo then asks the service for its status: if that fails, the key is wrong or the service cannot be reached.</li>
<li><strong>Outgoing fields.</strong> Keep the preselected mappings and map the other fields that Dynamics should receive. Always map <code>email</code>: the service uses it to find people. Fields that are not mapped are not sent.</li>
<li><strong>Incoming fields.</strong> Map <code>microsoftRecordId</code> and <code>microsoftType</code> to two string fields. Create them first under these names if they are missing; without a mapping nothing is written to the person.</li>
<li>Allow updates of these two fields in <em>Admin &rarr; Field Management</em>, and activate the service.</li>
</ol>

<h2>Use</h2>
<ol>
<li>Drag <em>Sync Person to Microsoft</em> into the flow of a smart campaign.</li>
<li><em>Sync As</em>: what to create if the person is not in Dynamics yet. Empty means a lead.</li>
<li><em>Assign To</em>: who owns a new record. Choose a user, or enter the e-mail address of a Dynamics user, as text or as a token such as <code>{{my.Owner}}</code>. Empty: the service&rsquo;s own user. An existing record keeps its owner.</li>
<li>The next step of the flow starts after the answer has arrived, so its choices can use the fields that the answer fills.</li>
</ol>

<h2>Outcomes in the activity log</h2>
<table>
<tr><th>Outcome</th><th>Means</th></tr>
<tr><td><code>created</code></td><td>The record was created by this step.</td></tr>
<tr><td><code>exists</code></td><td>The record already existed and was not changed.</td></tr>
<tr><td><code>queued</code></td><td>Dynamics did not answer in time. The person is stored and will be processed later; no action is needed.</td></tr>
<tr><td><code>failed</code></td><td>Dynamics or one of its rules rejected the person. <em>Code</em> gives the reason and <em>Advice</em> the remedy; apply it, then send the person again.</td></tr>
</table>
<p><em>Success</em> is false for <code>failed</code> only. <em>Record Type</em> and <em>Record Id</em> identify the record. To alert a user, use the filter or trigger of this step with the attribute <em>Outcome</em>.</p>

<h2>When something changes</h2>
<ul>
<li><strong>The list of users</strong> under <em>Assign To</em> is refreshed every night, and on demand in the service&rsquo;s details.</li>
<li><strong>Another API key:</strong> enter the new secret in the service&rsquo;s details before the operator removes the old one.</li>
<li><strong>Other fields:</strong> Marketo keeps the fields that the service had when it was installed. After the operator has changed the selection, install the service again under another name, move the flow steps, and retire the old one.</li>
</ul>
</body>
</html>
`
}
