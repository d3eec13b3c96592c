/**
 * Texts that are erased must begin beyond the part of their row that lies within a page of the tree: when SQLite
 * splits or merges pages it leaves copies of that part in their unused space, where `secure_delete` does not reach.
 * Overflow pages are never copied, and are zeroed once they are free. Source: SQLite, "Database File Format", 1.6;
 * decision 26.
 */
const IN_PAGE_BYTES_MAX = { rowid: 4_061, withoutRowid: 1_002 }

/** SQL: a text parameter as it is stored. JSON may begin with blanks. */
export function erasable(parameter: string, table: keyof typeof IN_PAGE_BYTES_MAX): string {
  return `'${' '.repeat(IN_PAGE_BYTES_MAX[table])}' || ${parameter}`
}

/** SQL: what was stored. */
export function unpadded(column: string): string {
  return `ltrim(${column}, ' ')`
}

/** The text as it was given. */
export function readErasable(stored: string): string {
  return stored.trimStart()
}
