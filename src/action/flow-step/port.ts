/** What the doors of the flow step hand to its work. */

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

export interface Submission {
  token: string
  caller: string
  callbackUrl: string
  callbackKey: string
  munchkinId: string
  campaign: { id: string; name?: string; type: 'trigger' | 'batch' }
  program?: { id: string; name?: string }
  people: readonly SubmittedPerson[]
  /** Items that are no person (no usable id, another objectType): answered as failed, by their index. */
  unreadable: readonly { position: number; id?: number; code: string; advice: string }[]
}

export interface FlowStep {
  /** Durable on return. `seen`: the token came before. */
  submit(submission: Submission): Promise<'accepted' | 'seen'>
}
