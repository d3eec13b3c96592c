import { DataverseError } from './errors.ts'
import type { Organisation } from './organisation.ts'
import type { Table, TableName, Value } from './table.ts'

/** A customer's plug-in that refuses rows: those in which the column has the value. */
export interface PlugIn {
  table: TableName
  column: string
  value: Value
  /** For people, in any language, as the customer wrote it. */
  message: string
  /** Some append a stack trace, and up to 60 KB. */
  traceLength?: number
  /** IsvAborted unless said otherwise; a plug-in that runs into the platform shows the platform's. */
  code?: string
}

/** What the row would be is shown to every plug-in of its table. Throws the first refusal. */
export function runPlugIns(
  organisation: Organisation,
  table: Table,
  values: ReadonlyMap<string, Value>,
): void {
  for (const plugIn of organisation.plugIns) {
    if (plugIn.table !== table.name || (values.get(plugIn.column) ?? null) !== plugIn.value) continue
    const { message, traceLength = 0, code = '0x80040265' } = plugIn
    throw new DataverseError(400, code, message + traceOf(traceLength))
  }
}

const FRAME =
  '\r\n   at Contoso.Plugins.LeadGuard.Execute(IServiceProvider provider) in C:\\agent\\LeadGuard.cs:line 42'

function traceOf(length: number): string {
  return length === 0 ? '' : FRAME.repeat(Math.ceil(length / FRAME.length)).slice(0, length)
}
