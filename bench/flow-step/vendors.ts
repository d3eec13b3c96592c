import { startSandbox } from '../../sandbox/index.ts'
import { setUp } from '../set-up.ts'
import { campaign, type Group, install } from './campaign.ts'

/**
 * Entra, Dynamics and Marketo in a process of their own: `vendors.ts REPLY_DELAY_MS`, with the limits of an
 * organisation. Says its environment, then installs the step and runs campaigns, one after the other.
 */

export type Task = { task: 'install'; serviceUrl: string; key: string } | ({ task: 'campaign' } & Group)

const sandbox = await startSandbox({ replyDelayMs: Number(process.argv[2]) })
const environment = { ...sandbox.environment(), ...sandbox.marketoEnvironment() }
await setUp(environment)

function answer(question: Task): Promise<unknown> {
  switch (question.task) {
    case 'install':
      return install(sandbox, question)
    case 'campaign':
      return campaign(sandbox, question)
    default:
      return question satisfies never
  }
}

process.on('message', (question: Task) => {
  void answer(question).then((answered) => process.send?.(answered))
})
process.on('disconnect', () => void sandbox.close())
process.send?.(environment)
