import { join } from 'node:path'
import type { Draw } from './draw.ts'
import { Victim, type VictimOptions } from './victim.ts'

export interface FleetOptions extends Omit<VictimOptions, 'logFile'> {
  /** Replicas of the service; more than one need PostgreSQL. */
  replicas: number
  /** Where each replica writes its log. */
  directory: string
}

/** The replicas of one service, called in turn as a load balancer would, but for its knowing who is well. */
export class Fleet {
  readonly #options: Omit<FleetOptions, 'replicas'>
  readonly #victims: Victim[] = []
  #turn = 0

  constructor({ replicas, ...options }: FleetOptions) {
    this.#options = options
    while (this.#victims.length < replicas) this.join()
  }

  get victims(): readonly Victim[] {
    return this.#victims
  }

  /** Another replica, not started yet. */
  join(): Victim {
    const { directory, ...options } = this.#options
    const victim = new Victim({ ...options, logFile: join(directory, `service-${this.#victims.length}.log`) })
    this.#victims.push(victim)
    return victim
  }

  /** Of the next replica; it may be down, or stopped. */
  get url(): Promise<string> {
    this.#turn += 1
    const victim = this.victims[this.#turn % this.victims.length]
    return victim?.url ?? Promise.reject(new Error('a fleet without ships'))
  }

  start(): void {
    for (const victim of this.victims) victim.start()
  }

  any(draw: Draw): Victim {
    const [first, ...others] = this.victims
    if (!first) throw new Error('a fleet without ships')
    return draw.one([first, ...others])
  }

  async kill(): Promise<void> {
    await Promise.all(this.victims.map((victim) => victim.kill()))
  }
}
