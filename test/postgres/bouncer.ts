import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../crash/until.ts'
import { anyPort } from './cluster.ts'

const HOST = '127.0.0.1'
const PROGRAM = '/usr/sbin/pgbouncer'
const READY_WITHIN_MS = 10_000

export const withoutBouncer: string | false = existsSync(PROGRAM)
  ? false
  : 'no PgBouncer here: install it (Debian: pgbouncer)'

/** A pooler in transaction mode with fewer connections to the server than it has clients. */
export async function startBouncer(target: number): Promise<AsyncDisposable & { port: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-bouncer-'))
  const port = await anyPort()
  const users = join(directory, 'users.txt')
  const settings = join(directory, 'pgbouncer.ini')
  await writeFile(users, '"postgres" ""\n')
  await writeFile(
    settings,
    [
      ...['[databases]', `* = host=${HOST} port=${target}`, '[pgbouncer]'],
      ...[`listen_addr = ${HOST}`, `listen_port = ${port}`, 'unix_socket_dir ='],
      ...['auth_type = trust', `auth_file = ${users}`],
      ...['pool_mode = transaction', 'default_pool_size = 4', 'max_client_conn = 200'],
    ].join('\n'),
  )
  await chmod(directory, 0o755)
  const asNobody = process.getuid?.() === 0 ? ['-u', 'postgres'] : []
  const child: ChildProcess = spawn(PROGRAM, ['-q', ...asNobody, settings], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  let listens = false
  const look = () => {
    const socket = connect(port, HOST, () => {
      listens = true
      socket.destroy()
    })
    socket.on('error', () => {})
    return listens
  }
  await until(look, AbortSignal.timeout(READY_WITHIN_MS))
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
      await rm(directory, { recursive: true, force: true })
    },
  }
}
