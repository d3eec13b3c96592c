import { DataverseError } from './errors.ts'
import type { Organisation } from './organisation.ts'
import type { Table, TableName, Value } from './table.ts'

/** A customer's plug-in: registered for an operation on a table, and run before it. */
export type PlugIn = RefusingPlugIn | RewritingPlugIn

/** It refuses to write rows, or to give them: those in which the column has the value. */
interface RefusingPlugIn {
  table: TableName
  column: string
  value: Value
  /** For people, in any language, as the customer wrote it. */
  message: string
  /** Some append a stack trace, and up to 60 KB. */
  traceLength?: number
  /** Absent: it looks at creates and updates; `read`: at each row that is asked for by its id. */
  on?: 'read'
  /** 400 unless said otherwise. */
  status?: number
  /** IsvAborted unless said otherwise; a plug-in that runs into the platform shows the platform's. */
  code?: string
}

/** It normalises a text column in every create and update that names it. */
interface RewritingPlugIn {
  table: TableName
  column: string
  rewrite: Rewrite
}

export const REWRITES = ['title-case', 'strip-blanks'] as const
type Rewrite = (typeof REWRITES)[number]

/** The values of a create or update as the plug-ins of its table leave them. */
export function rewrittenByPlugIns(
  organisation: Organisation,
  table: Table,
  written: ReadonlyMap<string, Value>,
): Map<string, Value> {
  const values = new Map(written)
  for (const plugIn of organisation.plugIns) {
    if (plugIn.table !== table.name || !('rewrite' in plugIn)) continue
    const value = values.get(plugIn.column)
    if (typeof value === 'string') values.set(plugIn.column, rewritten(value, plugIn.rewrite))
  }
  return values
}

function rewritten(text: string, how: Rewrite): string {
  switch (how) {
    case 'title-case':
      return text.toLowerCase().replace(/(?<!\p{L})\p{L}/gu, (first) => first.toUpperCase())
    case 'strip-blanks':
      return text.replace(/\s/gu, '')
    default:
      return how satisfies never
  }
}

/** What the row would be is shown to every plug-in of its table. Throws the first refusal. */
export function runPlugIns(
  organisation: Organisation,
  table: Table,
  values: ReadonlyMap<string, Value>,
  on?: RefusingPlugIn['on'],
): void {
  for (const plugIn of organisation.plugIns) {
    if (plugIn.table !== table.name || 'rewrite' in plugIn) continue
    if (plugIn.on !== on || (values.get(plugIn.column) ?? null) !== plugIn.value) continue
    const { message, traceLength = 0, status = 400, code = '0x80040265' } = plugIn
    throw new DataverseError(status, code, message + traceOf(traceLength))
  }
}

const FRAME =
  '\r\n   at Contoso.Plugins.LeadGuard.Execute(IServiceProvider provider) in C:\\agent\\LeadGuard.cs:line 42'

function traceOf(length: number): string {
  return length === 0 ? '' : FRAME.repeat(Math.ceil(length / FRAME.length)).slice(0, length)
}
