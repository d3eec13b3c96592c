import type { Person, RecordType } from '../person/person.ts'
import type { Warning } from '../store/port.ts'

/** What finishing a request needs. Stored with the claim, erased when the request is settled. */
export interface Payload {
  person: Person
  recordType: RecordType
  /** System user's id or e-mail, or a team's id. */
  assignTo?: string
  /** Marketo was asked for what the caller left out. */
  completed?: boolean
  /** Marketo has no person of this id. */
  unknownToMarketo?: boolean
  /** The record that Marketo named then. */
  record?: { table: RecordType; id: string }
  /** What Marketo refused to be asked for then. */
  unread?: readonly Warning[]
}

export function writePayload(payload: Payload): string {
  return JSON.stringify(payload)
}

export function readPayload(text: string): Payload {
  return JSON.parse(text) as Payload
}
