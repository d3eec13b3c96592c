import { anyDeed, deeds } from './deeds.ts'
import type { Scene } from './scene.ts'

/** A day at the office, a deed at a time. */
export class Life {
  readonly #scene: Scene
  readonly #counts = new Map<string, number>(deeds.map(({ name }) => [name, 0]))

  constructor(scene: Scene) {
    this.#scene = scene
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  /** One deed, or none where there is nobody to do it to. */
  goOn(): void {
    const deed = anyDeed(this.#scene)
    if (deed.act(this.#scene)) this.#counts.set(deed.name, (this.#counts.get(deed.name) ?? 0) + 1)
  }

  /** What was done so far and what it has come to, in one line. */
  line(seconds: number): string {
    const { dataverse, marketo } = this.#scene
    const done = [...this.#counts].filter(([, count]) => count > 0).map(([name, count]) => `${count} ${name}`)
    const stock = [
      `${marketo.people().length} people`,
      `${dataverse.rows('lead').length} leads`,
      `${dataverse.rows('contact').length} contacts`,
    ]
    const calls = `${dataverse.calls.length} calls to Dynamics, ${marketo.calls.length} to Marketo`
    return `${String(seconds).padStart(5)} s  ${done.join(', ') || 'nothing yet'} | ${stock.join(', ')} | ${calls}\n`
  }
}
