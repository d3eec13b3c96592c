import type { NewReplica, Replica, Stream } from '../store/sync-port.ts'
import type { Preview, PreviewAction, PreviewItem, Way } from './control.ts'
import type { Decision } from './decide/decide.ts'
import { type DeliberateOptions, deliberate } from './decide/deliberate.ts'
import type { PullContext, Source } from './intake/stream.ts'

export interface PreviewerOptions extends DeliberateOptions {
  sources: readonly Source[]
}

/** What the next cycle would do: one page of each stream and what is due, decided on and not carried out. */
export class Previewer {
  readonly #options: PreviewerOptions

  constructor(options: PreviewerOptions) {
    this.#options = options
  }

  async preview(itemsMax: number, context: PullContext): Promise<Preview> {
    const { sources, store, settings, clock } = this.#options
    const replicas = new Map<number, Replica>()
    for (const replica of await store.due(settings.workMax, clock.now()))
      replicas.set(replica.linkId, replica)
    const streams: { stream: Stream; changes: number; more: boolean }[] = []
    for (const source of sources) {
      const { changes, more, seen, found } = await source.peek(context)
      streams.push({ stream: source.stream, changes, more })
      for (const replica of seen) if (replica.dueAt !== undefined) replicas.set(replica.linkId, replica)
      for (const made of found) replicas.set(-replicas.size - 1, unlinked(made, -replicas.size - 1))
    }
    const due = [...replicas.values()].slice(0, settings.workMax)
    const { decisions } = await deliberate(due, this.#options, context)
    const items = decisions.flatMap(itemsOf)
    return { streams, counts: countsOf(items), items: items.slice(0, itemsMax) }
  }

  nothing(): Preview {
    return { streams: [], counts: countsOf([]), items: [] }
  }
}

/** A record that has no link yet, as it would be. */
function unlinked({ link, replica }: NewReplica, linkId: number): Replica {
  const { recordType, recordId } = link
  return { ...replica, recordType, recordId, linkId, state: 'linked', version: 0 }
}

function itemsOf(decision: Decision): PreviewItem[] {
  const { replica, toDynamics, toMarketo, create } = decision
  const { recordType, recordId, marketoId } = replica
  const person = marketoId === undefined ? {} : { marketoId }
  const isNew = replica.shadow === undefined
  const action: PreviewAction = create ? 'create' : isNew ? 'link' : 'update'
  const item = (way: Way, fields: object): PreviewItem[] =>
    Object.keys(fields).length === 0
      ? []
      : [
          {
            way,
            action: way === 'toDynamics' ? 'update' : action,
            recordType,
            recordId,
            ...person,
            fields: Object.keys(fields),
          },
        ]
  return [...item('toDynamics', toDynamics), ...item('toMarketo', toMarketo)]
}

function countsOf(items: readonly PreviewItem[]): Preview['counts'] {
  const none = () => ({ create: 0, link: 0, update: 0 })
  const counts = {
    toDynamics: { lead: none(), contact: none() },
    toMarketo: { lead: none(), contact: none() },
  }
  for (const { way, recordType, action } of items) counts[way][recordType][action] += 1
  return counts
}
