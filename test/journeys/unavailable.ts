import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { REST, type Reply, type Rig, WEBHOOK } from './rig.ts'

/** How the service answers while its database takes no writes, and how that is brought about. */

const JSON_BODY = { 'content-type': 'application/json' }
const RECOVERS_WITHIN_MS = 15_000
const LOOK_EVERY_MS = 100
const UNTIL_FULL = 64 * 1024

/** A file system of a few MB, which tests can fill; undefined where this process may not mount one. */
export function smallDisk(megabytes: number) {
  const path = mkdtempSync(join(tmpdir(), 'sync-person-disk-'))
  const filler = join(path, 'filler')
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=777`, 'none', path], {
      stdio: 'ignore',
    })
  } catch {
    rmdirSync(path)
    return undefined
  }
  return {
    path,
    fill() {
      for (const bytes of [UNTIL_FULL, 1024, 1]) {
        try {
          for (;;) writeFileSync(filler, Buffer.alloc(bytes), { flag: 'a' })
        } catch (error) {
          assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
        }
      }
    },
    empty: () => rmSync(filler),
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', path])
      rmdirSync(path)
    },
  }
}

export const withoutMounts: string | false = (() => {
  using disk = smallDisk(1)
  return disk === undefined && 'this user may not mount a small file system: run the tests as root'
})()

export const person = (marketoId: number) => ({
  marketoId,
  email: `person.${marketoId}@example.com`,
  firstName: 'Ann',
  lastName: 'Ek',
  company: 'Ek AB',
})

function chunk(token: string): object {
  const { marketoId: id, ...fields } = person(71)
  return {
    token,
    apiCallBackKey: 'key',
    callbackUrl: 'https://callback.adobe.io/cfa/1',
    campaignId: 1,
    context: { subscription: { munchkinId: '997-SBX-001' }, campaign: { id: 1, type: 'trigger' } },
    objectData: [
      { objectType: 'lead', objectContext: { id, ...fields }, flowStepContext: {}, triggeringContext: {} },
    ],
  }
}

/** One call to every endpoint that stores something. */
function calls(rig: Rig): Record<string, Promise<Reply>> {
  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    rig.request('POST', path, { headers: { ...JSON_BODY, ...headers }, body: JSON.stringify(body) })
  return {
    rest: post(REST, { person: person(61) }),
    'rest with a key': post(REST, { person: person(62) }, { 'idempotency-key': 'k-62' }),
    'a batch campaign': post(REST, { person: person(63), campaign: { type: 'batch' } }),
    webhook: post(WEBHOOK, person(64)),
    'flow step': post('/flow-step/submitAsyncAction', chunk('token-1')),
    pause: rig.request('POST', '/v1/sync/pause'),
  }
}

export async function assertAllUnavailable(
  rig: Rig,
  more: Record<string, Promise<Reply>> = {},
): Promise<void> {
  for (const [name, call] of Object.entries({ ...calls(rig), ...more })) {
    const { status, headers, body } = await call
    assert.deepEqual([status, body.code, body.status], [503, 'store-unavailable', 503], name)
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/, name)
    assert.ok(Number(headers.get('retry-after')) > 0, name)
  }
  const token = await rig.request('POST', '/flow-step/oauth/token', {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials&client_id=journeys&client_secret=wrong',
  })
  assert.equal(token.status, 401, 'tokens need no store')
}

export async function readiness(rig: Rig): Promise<{ status: number; detail: string | undefined }> {
  const { status, body } = await rig.request('GET', '/readyz')
  const checks = body.checks as { name: string; detail?: string }[]
  return { status, detail: checks.find(({ name }) => name === 'store')?.detail }
}

export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const startedAt = performance.now()
  while (!(await isSo())) {
    assert.ok(
      performance.now() - startedAt < RECOVERS_WITHIN_MS,
      `not within ${RECOVERS_WITHIN_MS} ms: ${what}`,
    )
    await pause(LOOK_EVERY_MS)
  }
}

export const untilReady = (rig: Rig, status: number) =>
  until(`/readyz ${status}`, async () => (await readiness(rig)).status === status)

export async function assertWorks(rig: Rig): Promise<void> {
  const { status, body } = await rig.sync(person(61))
  assert.deepEqual([status, body.outcome], [200, 'created'])
}
