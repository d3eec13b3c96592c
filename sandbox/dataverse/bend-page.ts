import { deliver, html, type Outcome, type Reply } from '../outcome.ts'
import type { PageBend } from './bends.ts'

/** What a page can be exchanged with. */
export interface Pages {
  /** Of the request. */
  url: string
  /** Answers the next request of the same URL. */
  prepare(reply: Reply): void
  /** The page at a nextLink, with the preferences of this request. */
  follow(url: string): Promise<Reply>
}

type Page = Record<string, unknown> & { value: unknown[] }

const NEXT = '@odata.nextLink'
const DELTA = '@odata.deltaLink'

/** Spoils a page of rows. A reply that is none (a refusal) is delivered as it is. */
export async function bendPage(how: PageBend, reply: Reply, pages: Pages): Promise<Outcome> {
  if (how.kind === 'html-200') return html(200, '<html><body><h1>Sign in to your account</h1></body></html>')
  const page = readPage(reply)
  if (!page) return deliver(reply)
  const send = (changes: Record<string, unknown>) => deliver(withPage(reply, { ...page, ...changes }))
  switch (how.kind) {
    case 'foreign-link': {
      const move = (name: string) =>
        typeof page[name] === 'string' ? { [name]: page[name].replace(/^https?:\/\/[^/]+/, how.origin) } : {}
      return send({ ...move(NEXT), ...move(DELTA) })
    }
    case 'repeat-page':
      pages.prepare(reply)
      return deliver(withPage(reply, leadTo(page, pages.url)))
    case 'swap-pages':
      return swap(reply, page, pages)
    case 'reverse-rows':
      return send({ value: page.value.toReversed() })
    case 'spoil-row': {
      const { at = 0, set = {}, unset = [] } = how
      const spoil = (row: unknown) =>
        Object.fromEntries(
          Object.entries({ ...Object(row), ...set }).filter(([name]) => !unset.includes(name)),
        )
      return send({ value: page.value.map((row, index) => (index === at ? spoil(row) : row)) })
    }
    default:
      return how satisfies never
  }
}

async function swap(reply: Reply, page: Page, pages: Pages): Promise<Outcome> {
  const next = page[NEXT]
  const other = typeof next === 'string' ? await pages.follow(next) : reply
  const after = readPage(other)
  if (other === reply || !after) return deliver(reply)
  const { [NEXT]: _, ...own } = page
  const rest = Object.entries(after).filter(([name]) => name === NEXT || name === DELTA)
  pages.prepare(withPage(reply, { ...own, ...Object.fromEntries(rest) }))
  return deliver(withPage(other, leadTo(after, pages.url)))
}

function leadTo(page: Page, url: string): Record<string, unknown> {
  const { [DELTA]: _, ...rest } = page
  return { ...rest, [NEXT]: url }
}

function readPage(reply: Reply): Page | undefined {
  const body: unknown = reply.headers['Content-Type']?.startsWith('application/json')
    ? JSON.parse(reply.body)
    : undefined
  if (typeof body !== 'object' || body === null || !('value' in body)) return undefined
  const { value } = body
  return Array.isArray(value) ? { ...body, value } : undefined
}

function withPage(reply: Reply, page: Record<string, unknown>): Reply {
  return { ...reply, body: JSON.stringify(page) }
}
