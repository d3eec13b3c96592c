import type { FeedPage } from '../../../src/marketo/changes.ts'
import type { Scheduler } from '../scheduler.ts'

interface Shown<Item> {
  item: Item
  visibleAt: number
}

interface Token {
  /** Entries dated not before this, epoch ms. */
  since: number
  /** And from this index of the order in which they became visible; absent: from the beginning. */
  from?: number
  issuedAt: number
}

const LIFE_MS_MIN = 60_000

/** Tokens are good for every feed, and get lost together; one that was just issued never is. */
export class Tokens {
  readonly #now: () => number
  #lostUntil = 0

  constructor(now: () => number) {
    this.#now = now
  }

  issue(since: number, from?: number): string {
    const token: Token = { since, issuedAt: this.#now(), ...(from !== undefined && { from }) }
    return JSON.stringify(token)
  }

  read(token: string): Token | undefined {
    const read = JSON.parse(token) as Token
    return read.issuedAt > this.#lostUntil ? read : undefined
  }

  /** Whatever was issued more than a minute ago is refused from now on. */
  lose(): void {
    this.#lostUntil = this.#now() - LIFE_MS_MIN
  }
}

/**
 * One of Marketo's feeds: entries are dated in whole seconds, become visible later than that, and come in pages
 * that may be short or empty although more waits. Source: Adobe, "Paging tokens", "Activities".
 */
export class ChangeLog<Item extends { at: number }> {
  readonly #scheduler: Scheduler
  readonly #tokens: Tokens
  readonly #pageMax: number
  readonly #shown: Shown<Item>[] = []
  /** Longest time between an entry's date and its first appearance, ms; 0 = none. */
  lateMsMax = 0
  /** Of the entries, how many are late. */
  lateShare = 0

  constructor(scheduler: Scheduler, tokens: Tokens, pageMax: number) {
    this.#scheduler = scheduler
    this.#tokens = tokens
    this.#pageMax = pageMax
  }

  add(item: Omit<Item, 'at'>): void {
    const scheduler = this.#scheduler
    const at = Math.floor(scheduler.now() / 1_000) * 1_000
    const entry = { ...item, at } as Item
    const isLate = this.lateMsMax > 0 && scheduler.chance(this.lateShare)
    const show = () => void this.#shown.push({ item: entry, visibleAt: scheduler.now() })
    if (isLate) scheduler.at(scheduler.between(1, this.lateMsMax), show)
    else show()
  }

  page(token: string, keep: (item: Item) => Item | undefined): FeedPage<Item> | { kind: 'lost' } {
    const read = this.#tokens.read(token)
    if (read === undefined) return { kind: 'lost' }
    const { since, from = this.#firstSince(since) } = read
    const examined = this.#shown.slice(from, from + this.#pageMax)
    const items = examined.flatMap(({ item }) => (item.at >= since ? (keep(item) ?? []) : []))
    const end = from + examined.length
    return {
      kind: 'page',
      items: shuffled(items, this.#scheduler),
      unreadable: 0,
      next: this.#tokens.issue(since, end),
      more: end < this.#shown.length,
    }
  }

  /** What is dated later became visible later. */
  #firstSince(since: number): number {
    let [low, high] = [0, this.#shown.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#shown[middle]?.visibleAt ?? 0) < since) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Nobody promises an order inside a page. */
export function shuffled<T>(items: readonly T[], scheduler: Scheduler): T[] {
  const mixed = [...items]
  for (let index = mixed.length - 1; index > 0; index -= 1) {
    const other = scheduler.between(0, index)
    const [one, two] = [mixed[index], mixed[other]]
    if (one === undefined || two === undefined) continue
    mixed[index] = two
    mixed[other] = one
  }
  return mixed
}
