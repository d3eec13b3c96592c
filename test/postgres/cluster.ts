import { execFile, spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'

const run = promisify(execFile)
const HOST = '127.0.0.1'
/** Where Debian puts each version. */
const [programs] = globSync('/usr/lib/postgresql/*/bin/initdb').map(dirname)
/** A superuser's connection to a server that is there already; its databases are made and dropped by the tests. */
const given = process.env.TEST_DATABASE_URL

/** Why tests with PostgreSQL cannot run on this machine; false where they can. */
export const withoutPostgres: string | false =
  programs === undefined && given === undefined
    ? 'no PostgreSQL here: install it (Debian: postgresql), or set TEST_DATABASE_URL'
    : false

export interface Cluster extends AsyncDisposable {
  /** The URL of an empty database. */
  createDatabase(): Promise<string>
  /** Stops at once, as a crash does, and starts again. Only of a cluster of our own. */
  restart(): Promise<void>
  stop(): Promise<void>
  start(): Promise<void>
  /** Ends every connection of the database but the one that asks. */
  cutConnections(): Promise<number>
}

export interface ClusterOptions {
  /** Without it a machine's crash may lose what was committed: fine where no machine crashes. */
  fsync?: boolean
}

/** A server of our own in a folder of its own, or databases on the one that is given. */
export async function startCluster({ fsync = false }: ClusterOptions = {}): Promise<Cluster> {
  if (given !== undefined) return onServer(given)
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-postgres-'))
  await chmod(directory, 0o777)
  const data = join(directory, 'data')
  await asPostgres('initdb', [
    '-D',
    data,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--no-sync',
    '--locale',
    'C',
  ])
  const port = await anyPort()
  const settings = [
    ...['-p', String(port), '-k', '', '-c', `listen_addresses=${HOST}`, '-c', 'max_connections=100'],
    ...['-c', `fsync=${fsync ? 'on' : 'off'}`, '-c', 'shared_buffers=32MB', '-c', 'log_min_messages=fatal'],
  ]
  const control = (...words: string[]) => asPostgres('pg_ctl', ['-D', data, '-w', ...words])
  const start = () => control('start', '-l', join(directory, 'log'), '-o', settings.map(quote).join(' '))
  const stop = () => control('stop', '-m', 'immediate')
  await start()
  return {
    ...onServer(`postgres://postgres@${HOST}:${port}/postgres`),
    start,
    stop,
    async restart() {
      await stop()
      await start()
    },
    async [Symbol.asyncDispose]() {
      await stop().catch(() => {})
      await rm(directory, { recursive: true, force: true })
    },
  }
}

let databases = 0

function onServer(url: string): Cluster {
  const ask = async (sql: string) => {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => {})
    await client.connect()
    const { rows } = await client.query<Record<string, unknown>>(sql)
    await client.end()
    return rows
  }
  const refuse = () => Promise.reject(new Error('TEST_DATABASE_URL names a server that the tests do not own'))
  return {
    async createDatabase() {
      databases += 1
      const name = `test_${process.pid}_${databases}`
      await ask(`create database ${name}`)
      return Object.assign(new URL(url), { pathname: `/${name}` }).href
    },
    async cutConnections() {
      const sql =
        'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname like $$test%$$'
      return (await ask(sql)).length
    },
    restart: refuse,
    start: refuse,
    stop: refuse,
    async [Symbol.asyncDispose]() {},
  }
}

/** PostgreSQL refuses to run as root. */
async function asPostgres(program: string, args: readonly string[]): Promise<void> {
  const command = join(programs ?? '', program)
  if (process.getuid?.() !== 0) {
    await run(command, [...args])
    return
  }
  // pg_ctl's server keeps what it inherits, so its output must not be a pipe that somebody waits for.
  const child = spawn('runuser', ['-u', 'postgres', '--', command, ...args], { stdio: 'ignore', cwd: '/' })
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`${program} ended with ${code}`)
}

function quote(word: string): string {
  return `'${word}'`
}

/** A port of the system's choice. */
function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, HOST, () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
