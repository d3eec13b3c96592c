/** What the endpoints of the flow step hand to its work. */

/** One person of a chunk as Marketo sent them: `objectContext` and `flowStepContext` of an objectData item. */
export interface SubmittedPerson {
  /** Marketo id. */
  id: number
  /** Outgoing fields by the name that the service definition gives them (Marketo REST names), id left out. */
  fields: Readonly<Record<string, string | number | boolean | null>>
  syncAs?: 'lead' | 'contact'
  /** A system user's or team's id, or an e-mail. */
  assignTo?: string
  /** `triggeringContext.triggerName`, for the log. */
  trigger?: string
}

/** What counts for everybody who has none of their own. Not checked. */
export interface Choices {
  syncAs?: string
  assignTo?: string
}

/** Why an item is no person. */
export interface ItemRefusal {
  id: number
  code: string
  advice: string
}

/** Everybody of a chunk whom a callback can name, in Marketo's order; 10,000 of them need no more room than their texts. */
export interface Crowd {
  /** Items of a page are lines, see chunk-body.ts. `position` counts from the chunk's first item with an id. */
  pages: readonly { position: number; items: number; lines: string }[]
  people: number
  /** No person (no usable id, another objectType). */
  unreadable: number
}

export interface Submission {
  token: string
  caller: string
  callbackUrl: string
  callbackKey: string
  munchkinId: string
  campaign: { id: string; name?: string; type: 'trigger' | 'batch' }
  program?: { id: string; name?: string }
  choices: Choices
  crowd: Crowd
}

export interface FlowStep {
  /** Durable on return. `seen`: the token came before, from the same caller for the same subscription. */
  submit(submission: Submission): Promise<'accepted' | 'seen'>
}
