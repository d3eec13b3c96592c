import assert from 'node:assert/strict'
import { byMarketoName, type Side, type Value } from './schema.ts'

/** One value that somebody entered, wherever it was copied to since. */
export interface Edit {
  id: number
  field: string
  value: Value
  side: Side
  /** Where it was entered: `marketo:<id>` or `<table>:<guid>`. */
  home: string
  at: number
  /** The value that it replaced, which whoever entered it has seen. */
  parent?: Edit
  /** Somebody has seen it and entered another. */
  superseded: boolean
  /** The service has written it to the other side. */
  copied: boolean
}

export interface LoggedConflict {
  field: string
  winner: Side
  won: Value
  lost: Value
  at: number
  /** The link's objects, as `home` of an edit names them. */
  objects: readonly string[]
  recordType: 'lead' | 'contact'
}

export interface Verdicts {
  edits: number
  conflicts: number
  /** Lost and in nobody's log. */
  unlogged: string[]
  /** In the log, but by the rule they should have won, or the winner had not been entered after all they saw. */
  wronged: string[]
}

/** How long after an upheaval of its object an empty value may give way: it is a first time again. */
const UPHEAVAL_MS = 2_400_000
const CLOCK_SLACK_MS = 1_000
/** Later values that a report of a lost edit names. */
const TOLD_MAX = 5

/**
 * Who entered what, and what became of it. Values are told apart by who entered them and not by what they are, so
 * an old value that beats a newer one is seen. Knows nothing of the engine but what it wrote and logged.
 */
export class Oracle {
  readonly #now: () => number
  readonly #counterpartOf: (object: string) => string | undefined
  /** Edits by object and field, oldest first; the last one is what the object holds. */
  readonly #histories = new Map<string, Edit[]>()
  readonly #byValue = new Map<string, Edit[]>()
  readonly #open = new Set<Edit>()
  readonly #upheavals = new Map<string, number>()
  edits = 0

  constructor(now: () => number, counterpartOf: (object: string) => string | undefined) {
    this.#now = now
    this.#counterpartOf = counterpartOf
  }

  /** Somebody entered a value. */
  entered(home: string, side: Side, field: string, value: Value): void {
    const parent = this.holds(home, field)
    this.edits += 1
    if (parent) this.#supersede(parent)
    // Entered on both sides alike: who replaces the one has seen the other.
    const twin = this.holds(this.#counterpartOf(home) ?? home, field)
    if (parent && twin?.value === parent.value) this.#supersede(twin)
    const edit: Edit = {
      id: this.edits,
      field,
      value,
      side,
      home,
      at: this.#now(),
      ...(parent && { parent }),
      superseded: false,
      copied: false,
    }
    this.#open.add(edit)
    this.#push(home, edit)
    const key = `${field} ${value}`
    const same = this.#byValue.get(key)
    if (same) same.push(edit)
    else this.#byValue.set(key, [edit])
  }

  /** Somebody made an object with what another one has, such as its e-mail. */
  began(home: string, side: Side, field: string, value: Value): void {
    const known = isUnique(value) ? this.#byValue.get(`${field} ${value}`)?.at(-1) : undefined
    if (known === undefined) return this.entered(home, side, field, value)
    known.copied = true
    this.#push(home, known)
  }

  /** The service wrote a value that it must have found at one of `sources`, or at the object itself. */
  wrote(object: string, field: string, value: Value, sources: readonly string[]): void {
    const found =
      this.#find(sources, field, value) ??
      this.#find([object], field, value) ??
      this.#byValue.get(`${field} ${value}`)?.at(-1)
    if (found === undefined) {
      assert.ok(isEmpty(value), `S10: nobody entered the ${field} that was written to ${object}: ${JSON.stringify(value)}`)
      return
    }
    found.copied = true
    this.#push(object, found)
  }

  /** A new object begins with what another holds (made by a campaign, qualified from a lead). */
  copied(from: string, to: string, field: string): void {
    const edit = this.holds(from, field)
    if (edit) {
      edit.copied = true
      this.#push(to, edit)
    }
  }

  /** Two objects became one: whoever did it saw both, and `survivor` holds what it holds. */
  merged(survivor: string, loser: string, field: string, takesOver: boolean): void {
    const lost = this.holds(loser, field)
    if (lost === undefined) return
    const kept = this.holds(survivor, field)
    if (takesOver) {
      if (kept) this.#supersede(kept)
      this.#push(survivor, lost)
    } else if (lost !== kept) this.#supersede(lost)
  }

  /** Its links are about to change: merged, qualified, deleted, restored, tied. */
  upheaval(...objects: readonly string[]): void {
    for (const object of objects) this.#upheavals.set(object, this.#now())
  }

  gone(object: string): void {
    this.upheaval(object)
    for (const edit of this.#open) if (edit.home === object) this.#open.delete(edit)
  }

  holds(object: string, field: string): Edit | undefined {
    return this.#histories.get(`${object} ${field}`)?.at(-1)
  }

  earlier(object: string, field: string): Edit | undefined {
    return this.#histories.get(`${object} ${field}`)?.at(-3)
  }

  /** Every edit that nobody saw and replaced either stands where it was entered, or is in the conflict log. */
  judge(log: readonly LoggedConflict[]): Verdicts {
    const byLoss = Map.groupBy(log, ({ field, lost }) => `${field} ${lost}`)
    const verdicts: Verdicts = { edits: this.edits, conflicts: log.length, unlogged: [], wronged: [] }
    for (const edit of [...this.#open]) {
      if (this.holds(edit.home, edit.field)?.value === edit.value) continue
      this.#open.delete(edit)
      const entries = byLoss.get(`${edit.field} ${edit.value}`) ?? []
      const told = entries.filter(
        ({ at, objects }) =>
          at >= edit.at - CLOCK_SLACK_MS && (isUnique(edit.value) || objects.includes(edit.home)),
      )
      if (told.length === 0) {
        if (this.#isNoChange(edit) || this.#isFirstTime(edit, this.#counterpartOf(edit.home))) continue
        verdicts.unlogged.push(this.tell(edit))
      } else if (!told.some((entry) => this.#isRight(edit, entry))) verdicts.wronged.push(`${this.tell(edit)}; logged: ${JSON.stringify(told)}`)
    }
    return verdicts
  }

  tell({ id, field, value, home, at, parent, copied }: Edit): string {
    const history = this.#histories.get(`${home} ${field}`) ?? []
    const names = history
      .slice(history.findIndex((one) => one.id === id) + 1)
      .slice(0, TOLD_MAX)
      .map((one) => `#${one.id} ${JSON.stringify(one.value)} of ${one.home} at ${one.at}`)
    return `#${id} ${field}=${JSON.stringify(value)} of ${home} at ${at}${copied ? ', copied' : ''}, after #${parent?.id} (${JSON.stringify(parent?.value)}); there since: ${names.join(', ')}`
  }

  /** Back to what it was before the other side had heard of anything else. */
  #isNoChange(edit: Edit): boolean {
    for (let one = edit.parent; one; one = one.parent) {
      if (one.value === edit.value) return true
      if (one.copied) return false
    }
    return isEmpty(edit.value)
  }

  #isFirstTime({ value, home, at }: Edit, counterpart: string | undefined): boolean {
    if (!isEmpty(value)) return false
    const times = [home, counterpart].flatMap((object) => (object === undefined ? [] : (this.#upheavals.get(object) ?? [])))
    return times.some((time) => at < time + UPHEAVAL_MS)
  }

  #isRight(edit: Edit, { field, winner, won, at, recordType }: LoggedConflict): boolean {
    const direction = byMarketoName.get(field)?.direction
    const byRule = recordType === 'lead' ? 'marketo' : 'dynamics'
    const expected = { both: byRule, 'to-dynamics': 'marketo', 'to-marketo': 'dynamics' }[direction ?? 'both']
    if (winner !== expected || edit.side === winner) return false
    if (!isUnique(won)) return true
    const winning = this.#byValue.get(`${field} ${won}`)?.findLast((one) => one.at <= at)
    for (let one = edit.parent; one; one = one.parent) if (one === winning) return false
    return true
  }

  #find(objects: readonly string[], field: string, value: Value): Edit | undefined {
    for (const object of objects) {
      const found = this.#histories.get(`${object} ${field}`)?.findLast((one) => one.value === value)
      if (found) return found
    }
    return undefined
  }

  #supersede(edit: Edit): void {
    edit.superseded = true
    this.#open.delete(edit)
  }

  #push(object: string, edit: Edit): void {
    const key = `${object} ${edit.field}`
    const history = this.#histories.get(key)
    if (history) history.push(edit)
    else this.#histories.set(key, [edit])
  }
}

function isEmpty(value: Value): boolean {
  return value === null || value === false
}

/** Texts and scores that people enter are never entered twice, choices and flags are. */
function isUnique(value: Value): boolean {
  return (typeof value === 'string' && /\d/.test(value)) || typeof value === 'number'
}
