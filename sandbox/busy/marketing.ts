import type { Deed } from './deed.ts'
import { anyPerson, anyTwo, type Scene } from './scene.ts'
import { phone, somebody, title } from './words.ts'

/** What people in marketing do in Marketo. */
export const marketing: readonly Deed[] = [
  {
    name: 'new in Marketo',
    weight: 6,
    act(scene) {
      const id = scene.marketo.seed({ ...somebody(scene.chance) })
      scene.campaign(id)
      return true
    },
  },
  { name: 'edited in Marketo', weight: 24, act: (scene) => editPerson(scene, anyPerson(scene)) },
  {
    name: 'scored',
    weight: 4,
    act(scene) {
      const id = anyPerson(scene)
      if (id !== undefined) scene.marketo.changeScore(id, 1 + scene.chance.below(10))
      return id !== undefined
    },
  },
  {
    name: 'deleted in Marketo',
    weight: 1,
    act(scene) {
      const id = anyPerson(scene)
      if (id !== undefined) scene.marketo.remove(id)
      return id !== undefined
    },
  },
  {
    name: 'merged in Marketo',
    weight: 1,
    act(scene) {
      const two = anyTwo(
        scene,
        scene.marketo.people().map(({ id }) => Number(id)),
      )
      if (two) scene.marketo.merge(two[0], [two[1]])
      return two !== undefined
    },
  },
]

function editPerson(scene: Scene, id: number | undefined): boolean {
  if (id === undefined) return false
  const { chance, marketo } = scene
  const field = chance.pick(['title', 'phone', 'company'] as const)
  const value =
    field === 'title' ? title(chance) : field === 'phone' ? phone(chance) : somebody(chance).company
  marketo.update(id, { [field ?? 'title']: value })
  return true
}
