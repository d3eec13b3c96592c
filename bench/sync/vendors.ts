import { type Sandbox, startSandbox } from '../../sandbox/index.ts'
import { setUp } from '../set-up.ts'
import { type Churn, churn } from './churn.ts'
import { edit, type Side, seed, stillDifferent } from './crowd.ts'
import { type Trickle, trickle } from './trickle.ts'

/**
 * Entra, Dynamics and Marketo with everything that setup makes, in a process of their own: `vendors.ts lifted`
 * or `vendors.ts stock`, for the limits. Says its environment, then does one thing after the other.
 */

export type Task =
  | { task: 'seed'; people: number }
  | { task: 'edit'; side: Side; people: number; title: string }
  | { task: 'compare' }
  | { task: 'count' }
  | ({ task: 'trickle' } & Trickle)
  | ({ task: 'churn' } & Churn)

/** HTTP requests so far; those for tokens and for the tables' definitions are left out. */
export interface CallCounts {
  marketo: number
  dynamics: number
  /** Of these, what is asked once in some minutes or an hour, and not in each cycle. */
  seldom: number
  /** Sync Leads, and rows that the service has written. */
  writes: number
}

const BOUNDLESS = Number.MAX_SAFE_INTEGER
const LIFTED = {
  limits: { requestsPerWindow: BOUNDLESS, executionMsPerWindow: BOUNDLESS, concurrentMax: BOUNDLESS },
  marketo: {
    limits: { callsPerWindow: BOUNDLESS, concurrentMax: BOUNDLESS, dailyCallsMax: BOUNDLESS },
  },
}

const sandbox = await startSandbox(process.argv[2] === 'lifted' ? LIFTED : {})
const environment = { ...sandbox.environment(), ...sandbox.marketoEnvironment() }
await setUp(environment)

const SELDOM: ReadonlySet<string | undefined> = new Set(['activities', 'deleted-leads', 'crm'])

function count({ marketo, dataverse }: Sandbox): CallCounts {
  const { applicationUser } = dataverse.ids
  return {
    marketo: marketo.calls.filter(({ operation }) => operation !== 'token').length,
    seldom: marketo.calls.filter(({ operation }) => SELDOM.has(operation)).length,
    dynamics: dataverse.calls.filter(({ path }) => !path.includes('EntityDefinitions')).length,
    writes:
      marketo.calls.filter(({ operation }) => operation === 'sync').length +
      dataverse.commits.filter(({ userId }) => userId === applicationUser).length,
  }
}

async function answer(question: Task): Promise<unknown> {
  switch (question.task) {
    case 'seed':
      return seed(sandbox, question.people)
    case 'edit':
      return edit(sandbox, question)
    case 'compare':
      return stillDifferent(sandbox)
    case 'count':
      return count(sandbox)
    case 'trickle':
      return trickle(sandbox, question)
    case 'churn':
      return churn(sandbox, question)
    default:
      return question satisfies never
  }
}

process.on('message', (question: Task) => {
  void answer(question).then((answered) => process.send?.(answered))
})
process.on('disconnect', () => void sandbox.close())
process.send?.(environment)
