import type { DataverseSandbox, MarketoSandbox } from '../index.ts'
import type { Chance } from './chance.ts'

/** Where people in marketing and in sales are at work. */
export interface Scene {
  dataverse: DataverseSandbox
  marketo: MarketoSandbox
  chance: Chance
  /** A campaign has got hold of the person: it asks the service for a record. Returns at once. */
  campaign(personId: number): void
}

export interface Found {
  table: 'lead' | 'contact'
  id: string
}

/** Any person in Marketo; undefined where there is nobody. */
export function anyPerson({ marketo, chance }: Scene): number | undefined {
  const id = chance.pick(marketo.people())?.id
  return typeof id === 'number' ? id : undefined
}

/** Any lead or contact that people still work with. */
export function anyRecord(scene: Scene): Found | undefined {
  const table = scene.chance.pick(['lead', 'lead', 'contact'] as const) ?? 'lead'
  const id = openIds(scene, table)
  const picked = scene.chance.pick(id)
  return picked === undefined ? undefined : { table, id: picked }
}

/** Rows that are neither closed nor merged away. */
export function openIds({ dataverse }: Scene, table: 'lead' | 'contact'): string[] {
  return dataverse
    .rows(table)
    .filter((row) => row.statecode === 0 && row.merged !== true)
    .map((row) => String(row[`${table}id`]))
}

/** Two of them, never the same. */
export function anyTwo<T>({ chance }: Scene, list: readonly T[]): readonly [T, T] | undefined {
  if (list.length < 2) return undefined
  const first = chance.below(list.length)
  const second = (first + 1 + chance.below(list.length - 1)) % list.length
  const [one, other] = [list[first], list[second]]
  return one === undefined || other === undefined ? undefined : [one, other]
}

/** Records with the person of the same address. */
export function pairs(scene: Scene): (Found & { personId: number })[] {
  const persons = new Map<unknown, number>(scene.marketo.people().map(({ id, email }) => [email, Number(id)]))
  return (['lead', 'contact'] as const).flatMap((table) =>
    openIds(scene, table).flatMap((id) => {
      const personId = persons.get(scene.dataverse.row(table, id)?.emailaddress1)
      return personId === undefined ? [] : [{ table, id, personId }]
    }),
  )
}
