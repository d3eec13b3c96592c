import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { expireSecret, type Rig, type Settings, startRig } from './rig.ts'
import { type SyncRig, startSyncRig } from './sync-rig.ts'

/** GET /v1/doctor, as an administrator calls it: each fault turns its own line red, and no other. */

interface Line {
  id: string
  status: string
  seen: string
  advice?: string
  code?: string
}

async function examine(rig: Rig): Promise<{ ok: unknown; lines: ReadonlyMap<string, Line> }> {
  const { status, body } = await rig.request('GET', '/v1/doctor')
  assert.equal(status, 200)
  return { ok: body.ok, lines: new Map((body.checks as Line[]).map((line) => [line.id, line])) }
}

const idsOf = (lines: ReadonlyMap<string, Line>, status: string) =>
  [...lines.values()].filter((line) => line.status === status).map(({ id }) => id)

const SKIPPED_IN_SANDBOX = ['public-url', 'entra-certificate']
const NEEDS_ORGANIZATION = ['dynamics-privileges', 'dynamics-change-tracking', 'fields']
const NEEDS_DYNAMICS = ['organization', ...NEEDS_ORGANIZATION]
const NEEDS_MARKETO = [
  ...['marketo-permissions', 'marketo-activity', 'marketo-native-sync', 'marketo-quota'],
  ...['fields', 'marketo-fields'],
]

interface Fault {
  what: string
  break: (rig: SyncRig) => void
  line: string
  status?: 'warn'
  code?: string
  seen: RegExp
  skipped?: readonly string[]
}

const FAULTS: readonly Fault[] = [
  {
    what: 'a client secret that expired',
    break: expireSecret,
    line: 'dynamics-sign-in',
    code: 'entra-secret-expired',
    seen: /refused/,
    skipped: NEEDS_DYNAMICS,
  },
  {
    what: 'a missing privilege',
    break: ({ dataverse }) => dataverse.denyPrivileges(['prvReadContact', 'prvWriteLead']),
    line: 'dynamics-privileges',
    code: 'privilege-missing',
    seen: /Missing: prvReadContact, prvWriteLead\./,
  },
  {
    what: 'a privilege that is only held for the own records',
    break: ({ dataverse }) => dataverse.limitPrivileges(['prvReadLead']),
    line: 'dynamics-privileges',
    code: 'privilege-missing',
    seen: /^Not at organization level: prvReadLead\.$/,
  },
  {
    what: 'a table without change tracking',
    break: ({ dataverse }) => dataverse.setChangeTracking('contact', false),
    line: 'dynamics-change-tracking',
    code: 'change-tracking-off',
    seen: /off for contact\./,
  },
  {
    what: 'another organization at the same address',
    break: ({ dataverse }) => dataverse.becomeOrganisation('0d2f4c1e-6c0b-4a57-8f0e-3f5a1c9b7d21', 'none'),
    line: 'organization',
    code: 'organisation-changed',
    seen: /another organization/,
    skipped: NEEDS_ORGANIZATION,
  },
  {
    what: 'a column that was renamed',
    break: ({ dataverse }) => dataverse.renameColumn('lead', 'jobtitle', 'new_jobtitle'),
    line: 'fields',
    status: 'warn',
    seen: /: title \(/,
  },
  {
    what: "Marketo's own CRM sync",
    break: ({ marketo }) => marketo.setKnobs({ nativeCrmSync: true }),
    line: 'marketo-native-sync',
    code: 'marketo-native-sync-on',
    seen: /is on/,
  },
]

describe('the doctor', () => {
  it('finds nothing wrong with a service that is set up', async () => {
    await using rig = await startSyncRig()
    const { ok, lines } = await examine(rig)
    assert.deepEqual(idsOf(lines, 'fail').concat(idsOf(lines, 'warn')), [])
    assert.deepEqual(idsOf(lines, 'skipped'), SKIPPED_IN_SANDBOX)
    assert.equal(ok, true)
  })

  for (const fault of FAULTS) {
    it(`finds ${fault.what}, and nothing else`, async () => {
      await using rig = await startSyncRig()
      fault.break(rig)
      const { ok, lines } = await examine(rig)
      const status = fault.status ?? 'fail'
      assert.deepEqual(idsOf(lines, status), [fault.line])
      assert.deepEqual(idsOf(lines, status === 'fail' ? 'warn' : 'fail'), [])
      const { seen = '', advice, code } = lines.get(fault.line) ?? {}
      assert.match(seen, fault.seen)
      assert.match(advice ?? '', /\w/)
      assert.equal(code, fault.code)
      assert.deepEqual(
        new Set(idsOf(lines, 'skipped')),
        new Set([...SKIPPED_IN_SANDBOX, ...(fault.skipped ?? [])]),
      )
      assert.equal(ok, status === 'warn')
    })
  }

  it('finds that Marketo was not set up', async () => {
    await using rig = await startSyncRig({ setUp: false, settled: false })
    const { lines } = await examine(rig)
    assert.deepEqual(idsOf(lines, 'fail'), ['marketo-activity', 'marketo-fields'])
  })

  it('finds credentials that Marketo refuses', async () => {
    await using rig = await startRig({ MARKETO_CLIENT_SECRET: 'wrong' }, {}, {}, async (sandbox) =>
      sandbox.marketoEnvironment(),
    )
    const { lines } = await examine(rig)
    assert.deepEqual(idsOf(lines, 'fail'), ['marketo-sign-in'])
    assert.equal(lines.get('marketo-sign-in')?.code, 'marketo-credentials-wrong')
    assert.deepEqual(new Set(idsOf(lines, 'skipped')), new Set([...SKIPPED_IN_SANDBOX, ...NEEDS_MARKETO]))
  })

  it('finds a clock that is wrong', async () => {
    const clock = { ...systemClock, wall: () => Date.now() + 600_000 }
    await using rig = await startRig({}, {}, { clock })
    const { lines } = await examine(rig)
    assert.deepEqual(idsOf(lines, 'fail'), ['clock'])
    assert.match(lines.get('clock')?.seen ?? '', /60\d s ahead of/)
  })

  const unreachable: Settings = { DATAVERSE_URL: 'http://127.0.0.1:9' }
  it('finds a host that cannot be reached', async () => {
    await using rig = await startRig(unreachable)
    const { lines } = await examine(rig)
    assert.deepEqual(idsOf(lines, 'fail'), ['dynamics-network'])
    assert.match(lines.get('dynamics-network')?.seen ?? '', /cannot be reached \(\w+\)/)
    assert.ok(idsOf(lines, 'skipped').includes('dynamics-sign-in'))
  })

  it('finds a PUBLIC_URL that leads elsewhere', async () => {
    await using rig = await startRig({}, {}, {}, async (sandbox) => ({
      PUBLIC_URL: new URL(sandbox.marketo.url).origin,
    }))
    const { lines } = await examine(rig)
    assert.deepEqual(idsOf(lines, 'fail'), ['public-url'])
  })
})
