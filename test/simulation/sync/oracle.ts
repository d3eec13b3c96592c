import assert from 'node:assert/strict'
import {
  ancestorsOf,
  type Edit,
  isAlike,
  isEmpty,
  isEnteredAgain,
  isNoChange,
  isUnique,
  keyOf,
  type LoggedConflict,
  tell,
} from './edits.ts'
import { byMarketoName, type Side, type Value } from './schema.ts'

export interface OracleOptions {
  now(): number
  /** The object that stands for this one on the other side, and the link of the two, as the store has them. */
  counterpartOf(object: string): string | undefined
  linkOf(object: string): string | undefined
  /** What a side makes of a value of the field that is written to it; absent: nothing. */
  kept?(side: Side, field: string, value: Value): Value
  /** An open failure says that the object shares a link, and that edits of it do not travel; absent: of none. */
  isShared?(object: string): boolean
}

export interface Verdicts {
  edits: number
  conflicts: number
  /** Lost and in nobody's log. */
  unlogged: string[]
  /** In the log, but by the rule they should have won, or what won was older than what they had seen. */
  wronged: string[]
  /** The same, where nothing had been agreed on yet: the rule for the first time knows no older and newer. */
  firstTimes: number
}

/** How long around an upheaval of its object it is a first time again: an empty value may give way, for one. */
const UPHEAVAL_MS = 2_400_000
const CLOCK_SLACK_MS = 1_000
/** How long the store takes an equal conflict of a link for the same one. */
const SAME_CONFLICT_MS = 86_400_000

/**
 * Who entered what, and what became of it. Values are told apart by who entered them and not by what they are, so
 * an old value that beats a newer one is seen. Knows nothing of the engine but what it wrote and logged.
 */
export class Oracle {
  readonly #now: () => number
  readonly #counterpartOf: (object: string) => string | undefined
  readonly #linkOf: (object: string) => string | undefined
  readonly #kept: NonNullable<OracleOptions['kept']>
  readonly #isShared: NonNullable<OracleOptions['isShared']>
  /** Edits by object and field, oldest first; the last one is what the object holds. */
  readonly #histories = new Map<string, Edit[]>()
  readonly #byValue = new Map<string, Edit[]>()
  readonly #open = new Set<Edit>()
  readonly #objects = new Set<string>()
  readonly #upheavals = new Map<string, number[]>()
  edits = 0

  constructor({ now, counterpartOf, linkOf, kept, isShared }: OracleOptions) {
    this.#isShared = isShared ?? (() => false)
    this.#kept = kept ?? ((_side, _field, value) => value)
    this.#now = now
    this.#counterpartOf = counterpartOf
    this.#linkOf = linkOf
  }

  /** Somebody entered a value. */
  entered(home: string, side: Side, field: string, value: Value): void {
    const parent = this.holds(home, field)
    this.edits += 1
    if (parent) this.#replace(parent, home)
    else this.#replaceNothing(home, field)
    const edit: Edit = {
      id: this.edits,
      field,
      value,
      side,
      home,
      at: this.#now(),
      ...(parent && { parent }),
      superseded: false,
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
    if (known) {
      known.copiedAt ??= this.#now()
      this.#push(home, known)
    } else this.entered(home, side, field, value)
  }

  /** The service wrote a value that it must have found at one of `sources`, or at the object itself. */
  wrote(object: string, field: string, value: Value, sources: readonly string[]): void {
    if (!this.#objects.has(object)) this.upheaval(object)
    const own = this.#find([object], field, value)
    const source = this.#find(sources, field, value)
    // What somebody had entered here, and nobody has seen since, is back, unless it was entered there after that.
    const isOpen = own && this.#open.has(own) && own.home === object
    const back = isOpen && (source === undefined || source.at <= own.at) ? own : undefined
    // It is back all the same, as the later and equal one of the other side.
    if (own && isOpen && back === undefined) this.#supersede(own)
    const found = back ?? source ?? own ?? this.#findKept(object, sources, field, value)
    const entered = this.#byValue.get(`${field} ${value}`)?.at(-1)
    assert.ok(
      found ?? entered ?? isEmpty(value),
      `S10, S17: nobody entered the ${field} that was written to ${object}: ${JSON.stringify(value)}`,
    )
    const edit = found ?? (entered && isUnique(value) ? entered : this.#nobodys(object, field, value))
    edit.copiedAt ??= this.#now()
    this.#push(object, edit)
  }

  /** A flag or a choice from where nobody was seen to enter it: to take it for a stranger's would say that theirs travelled. */
  #nobodys(home: string, field: string, value: Value): Edit {
    const side = home.startsWith('marketo') ? 'marketo' : 'dynamics'
    return { id: 0, field, value, side, home, at: this.#now(), superseded: true }
  }

  /** A new object begins with what another holds (made by a campaign, qualified from a lead). */
  copied(from: string, to: string, field: string): void {
    const edit = this.holds(from, field)
    if (edit) {
      edit.copiedAt ??= this.#now()
      this.#push(to, edit)
    }
  }

  /** Two objects became one: whoever did it saw both, and `survivor` holds what it holds. */
  merged(survivor: string, loser: string, field: string, takesOver: boolean): void {
    const lost = this.holds(loser, field)
    if (lost === undefined) return
    const kept = this.holds(survivor, field)
    if (takesOver) {
      if (kept) this.#replace(kept, survivor)
      else this.#replaceNothing(survivor, field)
      // The side across from the survivor has not heard of it, whoever heard of it from the loser.
      const { copiedAt, parent, ...untold } = lost
      const parents = kept ? { parent: kept, ...(parent && { parentBefore: parent }) } : parent && { parent }
      this.#push(survivor, { ...untold, ...parents, original: lost })
    } else if (lost.value !== kept?.value) this.#replace(lost, loser)
    else if (lost !== kept) this.#supersede(lost)
  }

  /** Its links are about to change: merged, qualified, deleted, restored, tied. */
  upheaval(...objects: readonly string[]): void {
    for (const object of objects) {
      const times = this.#upheavals.get(object)
      if (times) times.push(this.#now())
      else this.#upheavals.set(object, [this.#now()])
    }
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
    const byLoss = Map.groupBy(log, ({ field, lost }) => keyOf(field, lost))
    const verdicts: Verdicts = {
      edits: this.edits,
      conflicts: log.length,
      unlogged: [],
      wronged: [],
      firstTimes: 0,
    }
    for (const edit of [...this.#open]) {
      if (this.holds(edit.home, edit.field)?.value === edit.value) continue
      this.#open.delete(edit)
      const entries = byLoss.get(keyOf(edit.field, edit.value)) ?? []
      const concerned = [edit.home, this.#counterpartOf(edit.home), this.#linkOf(edit.home)]
      const isFirst = isUnique(edit.value) && this.#byValue.get(`${edit.field} ${edit.value}`)?.[0] === edit
      const told = entries.filter(
        // The same conflict of a link is told once a day: an earlier entry may stand for it.
        ({ at, objects }) =>
          isFirst
            ? at >= edit.at - CLOCK_SLACK_MS
            : objects.some((object) => concerned.includes(object)) ||
              (at < edit.at && at > edit.at - SAME_CONFLICT_MS),
      )
      if (told.some((entry) => this.#isRight(edit, entry)) || this.#isExcused(edit)) continue
      if (told.length === 0) verdicts.unlogged.push(tell(edit, this.#since(edit)))
      else if (told.some((entry) => this.#isUpheaved(edit.home, entry.at))) verdicts.firstTimes += 1
      else verdicts.wronged.push(`${tell(edit, this.#since(edit))}; logged: ${JSON.stringify(told)}`)
    }
    return verdicts
  }

  /** What its home has held after it. */
  #since({ id, home, field }: Edit): readonly Edit[] {
    const history = this.#histories.get(`${home} ${field}`) ?? []
    return history.slice(history.findIndex((one) => one.id === id) + 1)
  }

  /**
   * It changed nothing in the end, came back, was agreed on, or was empty when there was a first time again. Or a write
   * that was on its way replaced it when its person or record became a second one of a link, which a failure says.
   */
  #isExcused(edit: Edit): boolean {
    const isFirstTime = isEmpty(edit.value) && this.#isUpheaved(edit.home, edit.at, Number.POSITIVE_INFINITY)
    const since = this.#since(edit)
    return (
      isFirstTime ||
      (this.#isShared(edit.home) && this.#isUpheaved(edit.home, edit.at)) ||
      isNoChange(edit, (value) => this.#keptBy(edit, value)) ||
      isEnteredAgain(edit, since) ||
      isAlike(
        edit,
        since[0],
        (one, other) => this.#byBoth(edit.field, one) === this.#byBoth(edit.field, other),
      )
    )
  }

  /** What is left of a value once both sides have made theirs of it: of equal ones, neither is an edit of the other. */
  #byBoth(field: string, value: Value): Value {
    return this.#kept('dynamics', field, this.#kept('marketo', field, value))
  }

  #keptBy({ home, field }: Edit, value: Value): Value {
    return this.#kept(home.startsWith('marketo') ? 'marketo' : 'dynamics', field, value)
  }

  /** Whether its link changed shortly before, or up to `laterMs` after. */
  #isUpheaved(home: string, at: number, laterMs = UPHEAVAL_MS): boolean {
    const times = [home, this.#counterpartOf(home)].flatMap((object) =>
      object === undefined ? [] : (this.#upheavals.get(object) ?? []),
    )
    return times.some((time) => at < time + UPHEAVAL_MS && time < at + laterMs)
  }

  #isRight(edit: Edit, { field, winner, won, at, recordType }: LoggedConflict): boolean {
    const direction = byMarketoName.get(field)?.direction
    const byRule = recordType === 'lead' ? 'marketo' : 'dynamics'
    const expected = { both: byRule, 'to-dynamics': 'marketo', 'to-marketo': 'dynamics' }[direction ?? 'both']
    if (winner !== expected || edit.side === winner) return false
    if (!isUnique(won)) return true
    const winning = (this.#byValue.get(`${field} ${won}`) ?? []).filter((one) => one.at <= at)
    const seen = ancestorsOf(edit)
    return winning.some((one) => !seen.has(one))
  }

  #find(objects: readonly string[], field: string, value: Value): Edit | undefined {
    for (const object of objects) {
      const found = this.#histories.get(`${object} ${field}`)?.findLast((one) => one.value === value)
      if (found) return found
    }
    return undefined
  }

  /**
   * What a side has made of a value may travel to others, such as to the second person of a record whose own is gone,
   * but not back over the original from where that was written to, unless nothing is agreed on any more.
   */
  #findKept(object: string, sources: readonly string[], field: string, value: Value): Edit | undefined {
    const historyOf = (one: string) => this.#histories.get(`${one} ${field}`) ?? []
    const isForm = (edit: Edit) => this.#byBoth(field, edit.value) === this.#byBoth(field, value)
    const held = this.holds(object, field)
    const [source = object] = sources
    const isBack = held && isForm(held) && historyOf(source).includes(held)
    if (isBack && !this.#isApart(held, [object, ...sources])) return undefined
    for (const one of [object, ...sources]) {
      const found = historyOf(one).findLast(isForm)
      if (found) return found
    }
    return undefined
  }

  /** Whether the link of one of them has become another one just now, or since the value was written to the other side. */
  #isApart({ copiedAt = Number.POSITIVE_INFINITY }: Edit, objects: readonly string[]): boolean {
    const isSince = (one: string) => this.#upheavals.get(one)?.some((at) => at > copiedAt)
    return objects.some((one) => isSince(one) || this.#isUpheaved(one, this.#now()))
  }

  /** Entered on both sides alike: who replaces the one has seen the other. */
  #replace(edit: Edit, home: string): void {
    this.#supersede(edit)
    const twin = this.holds(this.#counterpartOf(home) ?? home, edit.field)
    const seen = this.#keptBy({ ...edit, home }, edit.value)
    if (twin && (twin.value === edit.value || twin.value === seen)) this.#supersede(twin)
  }

  /** An object without a value holds all that its side keeps of such a one: it is agreed on without a write. */
  #replaceNothing(home: string, field: string): void {
    const twin = this.holds(this.#counterpartOf(home) ?? home, field)
    if (twin && !isEmpty(twin.value) && isEmpty(this.#keptBy({ ...twin, home }, twin.value))) {
      this.#supersede(twin)
    }
  }

  #supersede(edit: Edit): void {
    for (let one: Edit | undefined = edit; one; one = one.original) {
      one.superseded = true
      this.#open.delete(one)
    }
  }

  #push(object: string, edit: Edit): void {
    this.#objects.add(object)
    const key = `${object} ${edit.field}`
    const history = this.#histories.get(key)
    if (history) history.push(edit)
    else this.#histories.set(key, [edit])
  }
}
