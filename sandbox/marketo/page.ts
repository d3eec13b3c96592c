import { escapeHtml, htmlPage } from '../html.ts'
import { type Attribute, toWire } from './activity.ts'
import type { RunReport } from './flow-step/run.ts'
import type { Person } from './people.ts'
import type { MarketoSandbox } from './sandbox.ts'

const ROWS_MAX = 200

const COLUMNS: readonly { field: string; title: string }[] = [
  { field: 'mktoName', title: 'Name' },
  { field: 'email', title: 'E-mail' },
  { field: 'company', title: 'Company' },
  { field: 'leadSource', title: 'Source' },
  { field: 'leadScore', title: 'Score' },
  { field: 'createdAt', title: 'Created' },
  { field: 'updatedAt', title: 'Updated' },
]

/** The newest people and webhook calls, for a person who wants to look. */
export function overviewPage(sandbox: MarketoSandbox): string {
  const people = sandbox.people()
  const head = COLUMNS.map(({ title }) => `<th>${title}</th>`).join('')
  const rows = people.slice(-ROWS_MAX).reverse().map(personRow).join('')
  return page(`<h1>Sandbox subscription</h1>
<p class="quiet">An emulated Marketo Engage. ${sandbox.calls.length} calls so far.
Raw: <a href="/_sandbox/people">people</a>, <a href="/_sandbox/calls">calls</a>,
<a href="/_sandbox/activities">webhook calls</a>, <a href="/_sandbox/log">change log</a>.</p>
<h2>People (${people.length})</h2>${table(`<th>Id</th>${head}`, rows)}
<h2>Webhook calls (${sandbox.activities.length})</h2>${webhookCalls(sandbox)}
<h2>Flow steps</h2>${flowSteps(sandbox)}`)
}

/** Every field of a person that holds a value, and what happened to it. */
export function personPage(sandbox: MarketoSandbox, id: number): string {
  const person = sandbox.person(id)
  const lines = Object.entries(person ?? {}).map(
    ([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  )
  const content = person ? `<table>${lines.join('')}</table>` : '<p>There is no such person.</p>'
  return page(
    `<h1>${escapeHtml(person?.mktoName ?? `Person ${id}`)}</h1><p><a href="/">All people</a></p>${content}
<h2>What happened</h2>${history(sandbox, id)}`,
  )
}

/** Newest first; a deleted person's history stays. */
function history(sandbox: MarketoSandbox, id: number): string {
  const rows = sandbox
    .log()
    .filter(({ leadId }) => leadId === id)
    .slice(-ROWS_MAX)
    .reverse()
    .map(toWire)
    .map(({ activityDate, activityTypeId, primaryAttributeValue = '', attributes }) => {
      const cells = [activityDate, activityTypeId, primaryAttributeValue].map(
        (value) => `<td>${escapeHtml(value)}</td>`,
      )
      return `<tr>${cells.join('')}<td>${attributeLines(attributes)}</td></tr>`
    })
  return table('<th>At</th><th>Type</th><th>What</th><th>Details</th>', rows.join(''))
}

function attributeLines(attributes: readonly Attribute[]): string {
  return attributes
    .map(({ name, value }) => `${escapeHtml(name)}: <code>${escapeHtml(value)}</code>`)
    .join('<br>')
}

function personRow(person: Person): string {
  const id = escapeHtml(person.id)
  const cells = COLUMNS.map(({ field }) => `<td>${escapeHtml(person[field])}</td>`).join('')
  return `<tr><td><a href="/people/${id}">${id}</a></td>${cells}</tr>`
}

function webhookCalls(sandbox: MarketoSandbox): string {
  const rows = sandbox.activities
    .slice(-ROWS_MAX)
    .reverse()
    .map((activity) => {
      const id = escapeHtml(activity.leadId)
      return `<tr><td><a href="/people/${id}">${id}</a></td><td>${escapeHtml(activity.activityDate)}</td>
<td>${escapeHtml(activity.primaryAttributeValue)}</td><td>${attributeLines(activity.attributes)}</td></tr>`
    })
  return table('<th>Person</th><th>At</th><th>Webhook</th><th>Result</th>', rows.join(''))
}

/** Newest runs first, each with what became of its calls. */
function flowSteps({ flowSteps }: MarketoSandbox): string {
  const rows = flowSteps
    .runs()
    .slice(-ROWS_MAX)
    .reverse()
    .map((run) => {
      const cells = [run.id, run.name, run.type, run.service, run.people, run.chunks.length, statesOf(run)]
      return `<tr>${cells.map((value) => `<td>${escapeHtml(value)}</td>`).join('')}</tr>`
    })
  const names = ['Run', 'Campaign', 'Type', 'Service', 'People', 'Calls', 'Results']
  return table(names.map((name) => `<th>${name}</th>`).join(''), rows.join(''))
}

function statesOf({ chunks }: RunReport): string {
  const counts = Map.groupBy(chunks, ({ state }) => state)
  return [...counts].map(([state, { length }]) => `${length} ${state}`).join(', ')
}

function table(head: string, rows: string): string {
  return rows === '' ? '<p class="quiet">None yet.</p>' : `<table><tr>${head}</tr>${rows}</table>`
}

function page(body: string): string {
  return htmlPage('Sandbox subscription', body)
}
