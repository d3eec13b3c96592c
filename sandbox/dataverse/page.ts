import { escapeHtml, htmlPage } from '../html.ts'
import type { DataverseSandbox } from './sandbox.ts'
import type { TableName } from './table.ts'

const ROWS_MAX = 200

const COLUMNS: readonly { property: string; title: string }[] = [
  { property: 'fullname', title: 'Name' },
  { property: 'emailaddress1', title: 'E-mail' },
  { property: 'subject', title: 'Topic' },
  { property: 'companyname', title: 'Company' },
  { property: 'statecode', title: 'State' },
  { property: '_ownerid_value', title: 'Owner' },
  { property: 'createdon', title: 'Created' },
  { property: '_createdby_value', title: 'Created by' },
]

/** The newest leads and contacts, for a person who wants to look. */
export function overviewPage(sandbox: DataverseSandbox): string {
  return page(`<h1>Sandbox organisation</h1>
<p class="quiet">An emulated Dynamics 365. ${sandbox.commits.length} writes, ${sandbox.calls.length} calls so far.
Raw: <a href="/_sandbox/commits">commits</a>, <a href="/_sandbox/calls">calls</a>,
<a href="/_sandbox/rows/leads">leads</a>, <a href="/_sandbox/rows/contacts">contacts</a>.</p>
${section(sandbox, 'lead', 'Leads')}${section(sandbox, 'contact', 'Contacts')}`)
}

/** Where a link to a record in Dynamics leads: every column that holds a value. */
export function recordPage(sandbox: DataverseSandbox, table: TableName, id: string): string {
  const row = sandbox.row(table, id)
  const lines = Object.entries(row ?? {}).sort(([a], [b]) => a.localeCompare(b))
  const cells = lines.map(
    ([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  )
  const content = row ? `<table>${cells.join('')}</table>` : '<p>There is no such record.</p>'
  return page(
    `<h1>${escapeHtml(row?.fullname ?? table)}</h1><p><a href="/">All leads and contacts</a></p>${content}`,
  )
}

function page(body: string): string {
  return htmlPage('Sandbox organisation', body)
}

function section(sandbox: DataverseSandbox, table: TableName, title: string): string {
  const rows = sandbox.rows(table)
  const newest = rows.slice(-ROWS_MAX).reverse()
  const names = new Map(
    [...sandbox.rows('systemuser'), ...sandbox.rows('team')].map((row) => [
      row.systemuserid ?? row.teamid,
      row.fullname ?? row.name,
    ]),
  )
  const used = COLUMNS.filter(
    ({ property }) => table === 'lead' || (property !== 'subject' && property !== 'companyname'),
  )
  const head = used.map((column) => `<th>${column.title}</th>`).join('')
  const cells = (row: Readonly<Record<string, unknown>>) =>
    used
      .map(({ property }) => {
        const value = row[property]
        const shown = typeof value === 'string' ? (names.get(value) ?? value) : value
        return `<td>${escapeHtml(shown)}</td>`
      })
      .join('')
  const body = newest
    .map((row) => {
      const id = escapeHtml(row[`${table}id`])
      return `<tr><td><a href="/main.aspx?etn=${table}&amp;id=${id}"><code>${id}</code></a></td>${cells(row)}</tr>`
    })
    .join('')
  const content =
    rows.length === 0 ? '<p class="quiet">None yet.</p>' : `<table><tr><th>Id</th>${head}</tr>${body}</table>`
  return `<h2>${title} (${rows.length})</h2>${content}`
}
