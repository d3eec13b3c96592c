import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Flags, readFlags } from '../../src/sandbox/flags.ts'

const read: [args: string[], flags: Flags][] = [
  [[], { kind: 'serve' }],
  [['--data', 'here'], { kind: 'serve', dataDirectory: 'here' }],
  [['--data=here'], { kind: 'serve', dataDirectory: 'here' }],
  [['--tour'], { kind: 'tour' }],
  [['--help'], { kind: 'help' }],
  [['-h'], { kind: 'help' }],
  [['--help', '--tour'], { kind: 'help' }],
]
for (const [args, flags] of read) {
  test(`"${args.join(' ')}" means ${JSON.stringify(flags)}`, () => {
    assert.deepEqual(readFlags(args), flags)
  })
}

const refused: [args: string[], problem: RegExp][] = [
  [['--tuor'], /^There is no flag --tuor\.$/],
  [['-x'], /^There is no flag -x\.$/],
  [['--constructor'], /^There is no flag --constructor\.$/],
  [['--no-tour'], /^There is no flag --no-tour\.$/],
  [['tour'], /^"tour" is not a flag\.$/],
  [['--', 'tour'], /^"tour" is not a flag\.$/],
  [['--tour=yes'], /^--tour takes no value\.$/],
  [['--data'], /^--data needs a directory\.$/],
  [['--data='], /^--data needs a directory\.$/],
  [['--data', '--tour'], /^--data needs a directory\.$/],
  [['--tour', '--data', 'here'], /^--tour .*leave --data out\.$/],
]
for (const [args, problem] of refused) {
  test(`"${args.join(' ')}" is refused with a sentence`, () => {
    const flags = readFlags(args)
    assert(flags.kind === 'wrong', flags.kind)
    assert.match(flags.problem, problem)
  })
}
