import type { Deed } from './deed.ts'
import { anyRecord, anyTwo, openIds, type Scene } from './scene.ts'
import { phone, somebody, title } from './words.ts'

/** What people in sales do in Dynamics. */
export const sales: readonly Deed[] = [
  {
    name: 'new in Dynamics',
    weight: 5,
    act(scene) {
      const { firstName, lastName, email, company } = somebody(scene.chance)
      const columns = { firstname: firstName, lastname: lastName, emailaddress1: email }
      if (scene.chance.below(4) === 0) scene.dataverse.seed('contact', columns)
      else scene.dataverse.seed('lead', { ...columns, companyname: company, subject: 'Met at a fair' })
      return true
    },
  },
  {
    name: 'edited in Dynamics',
    weight: 24,
    act(scene) {
      const found = anyRecord(scene)
      if (found) scene.dataverse.update(found.table, found.id, columnOf(scene))
      return found !== undefined
    },
  },
  {
    name: 'qualified',
    weight: 2,
    act(scene) {
      const id = scene.chance.pick(openIds(scene, 'lead'))
      if (id !== undefined) scene.dataverse.qualify(id, { account: scene.chance.below(2) === 0 })
      return id !== undefined
    },
  },
  {
    name: 'disqualified',
    weight: 1,
    act(scene) {
      const id = scene.chance.pick(openIds(scene, 'lead'))
      if (id !== undefined) scene.dataverse.disqualify(id)
      return id !== undefined
    },
  },
  {
    name: 'merged in Dynamics',
    weight: 1,
    act(scene) {
      const table = scene.chance.pick(['lead', 'contact'] as const) ?? 'lead'
      const two = anyTwo(scene, openIds(scene, table))
      if (two) scene.dataverse.merge(table, two[0], two[1])
      return two !== undefined
    },
  },
  {
    name: 'deleted in Dynamics',
    weight: 2,
    act(scene) {
      const found = anyRecord(scene)
      if (found) scene.dataverse.remove(found.table, found.id)
      return found !== undefined
    },
  },
  {
    name: 'restored',
    weight: 1,
    act(scene) {
      const { bin } = scene.dataverse.organisation.rows.shelf('lead')
      const id = scene.chance.pick([...bin.keys()])
      if (id !== undefined) scene.dataverse.restore('lead', id)
      return id !== undefined
    },
  },
]

function columnOf({ chance }: Scene): Record<string, string> {
  const column = chance.pick(['jobtitle', 'telephone1', 'firstname'] as const)
  if (column === 'telephone1') return { telephone1: phone(chance) }
  return column === 'firstname' ? { firstname: somebody(chance).firstName } : { jobtitle: title(chance) }
}
