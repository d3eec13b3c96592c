import type { ChunkPage } from '../store/chunk-port.ts'
import type { Campaign } from '../store/port.ts'
import type { Choices, ItemRefusal, Submission, SubmittedPerson } from './port.ts'
import { isRecordType, SYNC_AS_UNKNOWN } from './read-item.ts'

/** One item of the chunk, in Marketo's order: somebody to send, or why nobody can be made of it. */
export type ChunkItem = { person: SubmittedPerson } | { refused: ItemRefusal }

/** The first line of each page. */
interface Head {
  campaign: Campaign
  choices: Choices
}

/**
 * A submission as pages, each of them lines of JSON: what everybody has in common, then one for each item. So neither
 * taking a chunk nor reading it needs room for all of its people at once.
 */
export function* chunkPages({ crowd, campaign, program, choices }: Submission): Generator<ChunkPage> {
  const head = JSON.stringify({
    campaign: { ...campaign, ...(program && { program }) },
    choices,
  } satisfies Head)
  for (const { lines, ...page } of crowd.pages) yield { ...page, body: `${head}\n${lines}` }
}

/** Parts of at most `partMax` items, from item number `from` of the chunk on. */
export function* readChunkPage(
  { position: start, body }: ChunkPage,
  from: number,
  partMax: number,
): Generator<{ campaign: Campaign; position: number; items: ChunkItem[] }> {
  const [head = '', ...lines] = body.split('\n')
  const { campaign, choices } = JSON.parse(head) as Head
  for (let position = from; position < start + lines.length; position += partMax) {
    const part = lines.slice(position - start, position - start + partMax)
    yield { campaign, position, items: part.map((line) => withChoices(JSON.parse(line), choices)) }
  }
}

function withChoices(item: ChunkItem, { syncAs, assignTo }: Choices): ChunkItem {
  if ('refused' in item) return item
  const { person } = item
  if (person.syncAs === undefined && syncAs !== undefined && !isRecordType(syncAs)) {
    return { refused: { id: person.id, ...SYNC_AS_UNKNOWN } }
  }
  return {
    person: {
      ...(isRecordType(syncAs) && { syncAs }),
      ...(assignTo !== undefined && { assignTo }),
      ...person,
    },
  }
}
