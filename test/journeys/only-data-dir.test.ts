import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSandbox } from '../../sandbox/index.ts'
import { KEY, startChild } from '../child-service.ts'
import { REST } from './rig.ts'

const PEOPLE = 300
const NOTES_LENGTH = 1_500

/** Runs "$@" where DATA_DIR (at /mnt) is the only place on a disk that can be written. */
const ONLY_DATA_DIR = `
set -e
mount --make-rprivate /
mount --bind "$1" /mnt
shift
for place in /tmp /var/tmp /dev/shm /; do
  if [ -d "$place" ]; then mount --bind "$place" "$place"; mount -o remount,bind,ro "$place"; fi
done
cd /
if touch /tmp/x /var/tmp/x 2>/dev/null; then exit 70; fi
exec "$@"`

const withoutNamespaces: string | false = (() => {
  try {
    execFileSync('unshare', ['--mount', 'sh', '-c', ONLY_DATA_DIR, 'sh', tmpdir(), 'true'], {
      stdio: 'ignore',
    })
    return false
  } catch {
    return 'this user may not make a mount namespace: run the tests as root'
  }
})()

test('the service writes nowhere but into DATA_DIR, however many people come at once', {
  skip: withoutNamespaces,
}, async () => {
  await using sandbox = await startSandbox()
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-only-data-'))
  try {
    await using service = startChild({ ...sandbox.environment(), DATA_DIR: '/mnt' }, [
      ...['unshare', '--mount', 'sh', '-c', ONLY_DATA_DIR, 'sh', directory],
    ])
    const url = await service.url
    const statuses = await Promise.all(Array.from({ length: PEOPLE }, (_, index) => send(url, index + 1)))
    const troubles = service.log.filter((line) => /"level":"(?:warn|error)"/.test(line))
    assert.deepEqual(troubles.slice(0, 3), [])
    assert.deepEqual([...new Set(statuses)], [200])
  } finally {
    await rm(directory, { recursive: true })
  }
})

async function send(url: string, marketoId: number): Promise<number> {
  const person = {
    marketoId,
    email: `person.${marketoId}@example.com`,
    lastName: `Ek ${marketoId}`,
    company: 'Ek AB',
    mktoPersonNotes: 'x'.repeat(NOTES_LENGTH),
  }
  const { status, body } = await fetch(`${url}${REST}`, {
    method: 'POST',
    headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
    body: JSON.stringify({ person }),
  })
  await body?.cancel()
  return status
}
