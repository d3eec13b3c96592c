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
/** The same for tests that start and stop servers. */
export const withoutServers: string | false =
  programs === undefined ? 'no PostgreSQL programs here: install them (Debian: postgresql)' : false

export interface Databases extends AsyncDisposable {
  /** The URL of an empty database. */
  createDatabase(): Promise<string>
  /** Ends every connection to a test's database. */
  cutConnections(): Promise<void>
}

export interface ClusterOptions {
  /** Without it a machine's crash may lose what was committed: fine where no machine crashes. */
  fsync?: boolean
}

/** A PostgreSQL server of our own, in a folder of its own. */
export class Cluster implements Databases {
  readonly port: number
  readonly #directory: string
  readonly #settings: readonly string[]
  readonly #url: string

  private constructor(directory: string, port: number, { fsync = false }: ClusterOptions) {
    this.#directory = directory
    this.port = port
    this.#settings = [
      ...['-p', String(port), '-k', '', '-c', `listen_addresses=${HOST}`, '-c', 'max_connections=100'],
      ...['-c', `fsync=${fsync ? 'on' : 'off'}`, '-c', 'shared_buffers=32MB', '-c', 'log_min_messages=fatal'],
    ]
    this.#url = `postgres://postgres@${HOST}:${port}/postgres`
  }

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = await Cluster.#prepare(options)
    const layout = ['-A', 'trust', '-E', 'UTF8', '--locale', 'C']
    await asPostgres('initdb', ['-D', cluster.#data, '-U', 'postgres', '--no-sync', ...layout])
    await cluster.start()
    return cluster
  }

  /** A server that follows this one, and without which this one acknowledges nothing from now on. */
  async standby(options: ClusterOptions = {}): Promise<Cluster> {
    const standby = await Cluster.#prepare(options)
    const source = ['-h', HOST, '-p', String(this.port), '-U', 'postgres']
    await asPostgres('pg_basebackup', [...source, '-D', standby.#data, '-R', '-X', 'stream', '-c', 'fast'])
    await standby.start()
    await ask(this.#url, "alter system set synchronous_standby_names = '*'")
    await ask(this.#url, 'select pg_reload_conf()')
    return standby
  }

  static async #prepare(options: ClusterOptions): Promise<Cluster> {
    const directory = await mkdtemp(join(tmpdir(), 'sync-person-postgres-'))
    await chmod(directory, 0o777)
    return new Cluster(directory, await anyPort(), options)
  }

  get #data(): string {
    return join(this.#directory, 'data')
  }

  async start(): Promise<void> {
    const settings = this.#settings.map((word) => `'${word}'`).join(' ')
    await this.#control('start', '-l', join(this.#directory, 'log'), '-o', settings)
  }

  /** At once, as a crash does. */
  async stop(): Promise<void> {
    await this.#control('stop', '-m', 'immediate')
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** A standby becomes a server that takes writes. */
  async promote(): Promise<void> {
    await this.#control('promote')
    await ask(this.#url, "alter system set synchronous_standby_names = ''")
    await ask(this.#url, 'select pg_reload_conf()')
  }

  createDatabase(): Promise<string> {
    return createDatabase(this.#url)
  }

  cutConnections(): Promise<void> {
    return cutConnections(this.#url)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => {})
    await rm(this.#directory, { recursive: true, force: true })
  }

  #control(...words: string[]): Promise<void> {
    return asPostgres('pg_ctl', ['-D', this.#data, '-w', ...words])
  }
}

/** Databases on a server of our own, or on the one that is given, which is left as it was. */
export async function startDatabases(): Promise<Databases> {
  if (given === undefined) return Cluster.start()
  const made: string[] = []
  return {
    async createDatabase() {
      const url = await createDatabase(given)
      made.push(new URL(url).pathname.slice(1))
      return url
    },
    cutConnections: () => cutConnections(given),
    async [Symbol.asyncDispose]() {
      for (const name of made) await ask(given, `drop database if exists ${name} with (force)`)
    },
  }
}

let databases = 0

async function createDatabase(url: string): Promise<string> {
  databases += 1
  const name = `test_${process.pid}_${databases}`
  await ask(url, `create database ${name}`)
  return Object.assign(new URL(url), { pathname: `/${name}` }).href
}

async function cutConnections(url: string): Promise<void> {
  await ask(url, "select pg_terminate_backend(pid) from pg_stat_activity where datname like 'test%'")
}

async function ask(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  await client.query(sql)
  await client.end()
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

/** A port of the system's choice. */
export function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, HOST, () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
