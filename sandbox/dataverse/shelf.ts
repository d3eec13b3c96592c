import { Journal } from './journal.ts'
import { collationKey, type TableName, type Value } from './table.ts'

export interface Row {
  id: string
  /** For @odata.etag and If-Match; its numbers have nothing to do with versionnumber. */
  etag: number
  /** The versionnumber: moves with every write in the organisation, and change tracking goes by it. */
  version: number
  /** Only what is not null; look-ups under their column's name. */
  values: Map<string, Value>
  /** Which table a look-up column's id belongs to. */
  targets: Map<string, string>
}

const INDEXED: Record<TableName, readonly string[]> = {
  lead: ['emailaddress1', 'emailaddress2', 'emailaddress3'],
  contact: ['emailaddress1', 'emailaddress2', 'emailaddress3'],
  account: ['emailaddress1'],
  systemuser: ['internalemailaddress', 'domainname', 'applicationid'],
  team: ['name'],
  fieldsecurityprofile: [],
  fieldpermission: [],
  attributemaskingrule: [],
}

/** The rows of one table with what finds them: by id, by indexed column, by age, by version. */
export class Shelf {
  readonly rows = new Map<string, Row>()
  /** In the order in which the rows came. */
  readonly places = new Journal()
  /** In the order of their versions. */
  readonly versions = new Journal()
  /** Ids that are gone, by the version of their deletion. */
  readonly deletions = new Journal()
  /** The recycle bin. */
  readonly bin = new Map<string, Row>()
  /** Delta tokens from before this version are void. */
  trackedSince: number
  /** Column to the value's key (see collationKey) to ids. */
  readonly #indexes: ReadonlyMap<string, Map<string, Set<string>>>
  #place = 0

  constructor(table: TableName, trackedSince: number) {
    this.trackedSince = trackedSince
    this.#indexes = new Map(INDEXED[table].map((column) => [column, new Map()]))
  }

  isIndexed(column: string): boolean {
    return this.#indexes.has(column)
  }

  idsBy(column: string, value: string): ReadonlySet<string> {
    return this.#indexes.get(column)?.get(collationKey(value)) ?? new Set()
  }

  /** Puts a row in place of the one with its id, or at the end. Returns what takes it back. */
  put(row: Row): () => void {
    const before = this.rows.get(row.id)
    const [place, version] = [this.places.numberOf(row.id), this.versions.numberOf(row.id)]
    const [binned, deletion] = [this.bin.get(row.id), this.deletions.numberOf(row.id)]
    if (before) this.#unindex(before)
    else {
      this.#place += 1
      this.places.add(this.#place, row.id)
      this.bin.delete(row.id)
      this.deletions.revert(row.id, undefined)
    }
    this.rows.set(row.id, row)
    this.#index(row)
    this.versions.add(row.version, row.id)
    return () => {
      this.#unindex(row)
      if (before) {
        this.rows.set(row.id, before)
        this.#index(before)
      } else this.rows.delete(row.id)
      this.places.revert(row.id, place)
      this.versions.revert(row.id, version)
      if (deletion !== undefined) this.deletions.revert(row.id, deletion)
      if (binned) this.bin.set(row.id, binned)
    }
  }

  /** `version`: of the deletion. Returns what takes it back. */
  drop(row: Row, version: number): () => void {
    const place = this.places.numberOf(row.id)
    this.#unindex(row)
    this.rows.delete(row.id)
    this.places.revert(row.id, undefined)
    this.versions.revert(row.id, undefined)
    this.deletions.add(version, row.id)
    this.bin.set(row.id, row)
    return () => {
      this.rows.set(row.id, row)
      this.#index(row)
      this.places.revert(row.id, place)
      this.versions.revert(row.id, row.version)
      this.deletions.revert(row.id, undefined)
      this.bin.delete(row.id)
    }
  }

  /** Not while something may still be taken back. */
  tidy(): void {
    for (const journal of [this.places, this.versions, this.deletions]) journal.tidy()
  }

  #index(row: Row): void {
    for (const [column, index] of this.#indexes) {
      const value = row.values.get(column)
      if (typeof value !== 'string') continue
      const ids = index.get(collationKey(value)) ?? new Set()
      index.set(collationKey(value), ids.add(row.id))
    }
  }

  #unindex(row: Row): void {
    for (const [column, index] of this.#indexes) {
      const value = row.values.get(column)
      if (typeof value !== 'string') continue
      const ids = index.get(collationKey(value))
      ids?.delete(row.id)
      if (ids?.size === 0) index.delete(collationKey(value))
    }
  }
}
