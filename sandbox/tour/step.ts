import type { Reply, Stage } from './stage.ts'

/** A promise beside the answer and the number of leads: what was seen, and what it must be. */
type Promised = [what: string, seen: unknown, promised: unknown]

export interface Step {
  /** The situation. */
  title: string
  /** What a caller does about it. */
  asked: string
  /** Of the person whose leads are counted. */
  email: string
  /** What the caller must be told. */
  answer: string
  /** How many leads Dynamics must have of the person afterwards. */
  leads: number
  play(stage: Stage): Promise<Played>
}

export interface Played {
  answer: string
  promises?: readonly Promised[]
  /** What else the caller was told, shown below the table. */
  told?: string
}

/** An answer in a few words: `422 failed: field-required`. Why one is queued is a promise of its step's. */
export function say({ status, body }: Reply): string {
  const { outcome = 'refused', code } = body
  return `${status} ${outcome}${code === undefined || outcome === 'queued' ? '' : `: ${code}`}`
}

export function person(marketoId: number, firstName: string) {
  const email = `${firstName.toLowerCase()}@example.com`
  return { marketoId, email, firstName, lastName: 'Ek', company: 'Ek AB' }
}
