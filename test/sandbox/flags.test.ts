import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Flags, readFlags } from '../../sandbox/flags.ts'

const read: [args: string[], flags: Flags][] = [
  [[], { kind: 'serve' }],
  [['--data', 'here'], { kind: 'serve', dataDirectory: 'here' }],
  [['--data=here'], { kind: 'serve', dataDirectory: 'here' }],
  [['--fields', 'fields.json'], { kind: 'serve', fieldsFile: 'fields.json' }],
  [['--fields=f.json', '--data', 'here'], { kind: 'serve', dataDirectory: 'here', fieldsFile: 'f.json' }],
  [['--port', '9000'], { kind: 'serve', port: 9000 }],
  [['--tour'], { kind: 'tour' }],
  [['--tour', '--port=9000'], { kind: 'tour', port: 9000 }],
  [['--busy'], { kind: 'busy', seed: 1 }],
  [['--busy', '--seed', '7', '--for=30'], { kind: 'busy', seed: 7, forSeconds: 30 }],
  [['--data', 'here', '--busy', '--port', '1'], { kind: 'busy', seed: 1, dataDirectory: 'here', port: 1 }],
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
  [['--fields'], /^--fields needs a file\.$/],
  [['--fields', '--tour'], /^--fields needs a file\.$/],
  [['--fields', 'f.json', '--busy'], /^--fields goes with neither --tour nor --busy\.$/],
  [['--port', '0'], /^--port needs a number from 1 to 65535/],
  [['--port', '65536', '--busy'], /^--port needs a number from 1 to 65535/],
  [['--port', '--tour'], /^--port needs a number from 1 to 65535/],
  [['--busy=yes'], /^--busy takes no value\.$/],
  [['--busy', '--tour'], /^--tour and --busy are two things: choose one\.$/],
  [['--seed', '7'], /^--seed and --for go with --busy\.$/],
  [['--for', '7', '--tour'], /^--seed and --for go with --busy\.$/],
  [['--busy', '--seed', 'x'], /^--seed needs a whole number\.$/],
  [['--busy', '--seed'], /^--seed needs a whole number\.$/],
  [['--busy', '--for', '0'], /^--for needs a number of seconds, 1 at least\.$/],
  [['--busy', '--for=-5'], /^--for needs a number of seconds, 1 at least\.$/],
  [['--tour', '--data', 'here'], /^--tour .*leave --data out\.$/],
]
for (const [args, problem] of refused) {
  test(`"${args.join(' ')}" is refused with a sentence`, () => {
    const flags = readFlags(args)
    assert(flags.kind === 'wrong', flags.kind)
    assert.match(flags.problem, problem)
  })
}
