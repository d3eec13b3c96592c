export interface LogEvent {
  event: string
  [name: string]: string | number | undefined
}

/** Where a vendor room's events go; pino fits. Fields never hold a URL, an address or a person's data. */
export interface Log {
  debug(event: LogEvent): void
  warn(event: LogEvent): void
}

/** The library's code, such as UND_ERR_SOCKET; never the message, which may hold an address. */
export function causeCode(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return cause instanceof Error ? cause.name : 'unknown'
}
