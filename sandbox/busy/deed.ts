import type { Scene } from './scene.ts'

export interface Deed {
  /** How the counts call it. */
  name: string
  /** How often, beside the others. */
  weight: number
  /** false = there was nobody to do it to. */
  act(scene: Scene): boolean
}
