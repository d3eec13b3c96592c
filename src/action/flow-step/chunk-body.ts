import type { Campaign } from '../../store/port.ts'
import type { Submission, SubmittedPerson } from './port.ts'

/** One item of the chunk, in Marketo's order: somebody to send, or why nobody can be made of it. */
export type ChunkItem =
  | { person: SubmittedPerson }
  | { refused: { id: number; code: string; advice: string } }

/**
 * A submission as lines of JSON: its campaign, then one for each item. So a page of people is read without
 * parsing megabytes at once. An item without an id is left out: a callback cannot name it.
 */
export function writeChunkBody(submission: Submission): { body: string; items: number } {
  const { program, people, unreadable } = submission
  const campaign: Campaign = { ...submission.campaign, ...(program && { program }) }
  const lines = [JSON.stringify(campaign)]
  const refusals = new Map(unreadable.map(({ position, ...rest }) => [position, rest]))
  const rest = people[Symbol.iterator]()
  for (let position = 0; position < people.length + refusals.size; position += 1) {
    const refusal = refusals.get(position)
    if (!refusal) {
      const { value: person } = rest.next()
      if (person) lines.push(JSON.stringify({ person } satisfies ChunkItem))
    } else if (refusal.id !== undefined) {
      const { id, code, advice } = refusal
      lines.push(JSON.stringify({ refused: { id, code, advice } } satisfies ChunkItem))
    }
  }
  return { body: lines.join('\n'), items: lines.length - 1 }
}

export function readCampaign(body: string): Campaign {
  return JSON.parse(lineAt(body, 0).line) as Campaign
}

/** Pages of at most `pageMax` items, from item number `from` on. Nothing is parsed before its page is asked for. */
export function* readChunkPages(
  body: string,
  from: number,
  pageMax: number,
): Generator<{ position: number; items: ChunkItem[] }> {
  let at = lineAt(body, 0).next
  for (let skipped = 0; skipped < from && at < body.length; skipped += 1) at = lineAt(body, at).next
  let position = from
  while (at < body.length) {
    const items: ChunkItem[] = []
    while (items.length < pageMax && at < body.length) {
      const { line, next } = lineAt(body, at)
      items.push(JSON.parse(line) as ChunkItem)
      at = next
    }
    yield { position, items }
    position += items.length
  }
}

/** The line that begins at `start`, and where the next one does. */
function lineAt(body: string, start: number): { line: string; next: number } {
  const found = body.indexOf('\n', start)
  const end = found < 0 ? body.length : found
  return { line: body.slice(start, end), next: end + 1 }
}
