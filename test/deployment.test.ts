import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { validateWorkflow } from '@action-validator/core'
import { parse, parseAllDocuments } from 'yaml'
import packageLock from '../package-lock.json' with { type: 'json' }
import { VARIABLES } from '../src/config/config.ts'

/** The files that others run: read as their programs read them. */

const run = promisify(execFile)
const repository = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFile(join(repository, path), 'utf8')
const HAPROXY = '/usr/sbin/haproxy'

interface Job {
  uses?: string
  permissions?: Record<string, string>
  'timeout-minutes'?: number
  steps?: { uses?: string; run?: string }[]
}

const workflows = await Promise.all(
  (await readdir(join(repository, '.github/workflows'))).map(async (file) => ({
    file,
    text: await read(`.github/workflows/${file}`),
  })),
)

describe('workflows', () => {
  for (const { file, text } of workflows) {
    const { jobs, permissions }: { jobs: Record<string, Job>; permissions: unknown } = parse(text)
    test(`${file} is valid`, () => {
      assert.deepEqual(validateWorkflow(text).errors, [])
    })

    test(`${file} takes actions by commit, may write only where it must, and ends`, () => {
      assert.deepEqual(permissions, { contents: 'read' })
      for (const [name, job] of Object.entries(jobs)) {
        for (const { uses = '' } of job.steps ?? []) assert.match(uses, /^$|@[\da-f]{40}$/, name)
        assert.ok(job.uses?.startsWith('./') || job['timeout-minutes'], `${name} may run for ever`)
      }
    })

    test(`${file} gives a shell nothing but the environment`, () => {
      const scripts = Object.values(jobs).flatMap(({ steps = [] }) => steps.map((step) => step.run ?? ''))
      for (const script of scripts) assert.doesNotMatch(script, /\$\{\{(?! *\.)/)
    })
  }

  test('a workflow that is not one is found out', () => {
    const text = 'on: push\njobs: { a: { runs-on: x, steps: [{ run: y, with: 1 }] } }'
    assert.notDeepEqual(validateWorkflow(text).errors, [])
  })

  test('a release is built for both platforms, with what is in it', async () => {
    const text = await read('.github/workflows/release.yml')
    const { jobs } = parse(text)
    const platforms = jobs.image.strategy.matrix.include.map(({ platform }: { platform: string }) => platform)
    assert.deepEqual(platforms, ['amd64', 'arm64'])
    const [, command = ''] = /npm (sbom .*cyclonedx)/.exec(text) ?? []
    const { stdout } = await run('npm', command.split(' '), { cwd: repository, maxBuffer: 32 * 1024 * 1024 })
    const names = JSON.parse(stdout).components.map(({ name }: { name: string }) => name)
    assert.ok(names.includes('fastify') && !names.includes('typescript') && names.length > 50)
  })
})

test('what is shipped is under licences that ask for no more than their text', () => {
  const licences = Object.entries(packageLock.packages).flatMap(([path, of]) =>
    path === '' || 'dev' in of || 'optional' in of ? [] : [`${'license' in of ? of.license : 'none'}`],
  )
  const allowed = [
    'MIT',
    'ISC',
    'BSD-2-Clause',
    'BSD-3-Clause',
    'Apache-2.0',
    'BlueOak-1.0.0',
    '(MIT OR CC0-1.0)',
  ]
  assert.ok(licences.length > 50)
  assert.deepEqual(
    [...new Set(licences)].filter((licence) => !allowed.includes(licence)),
    [],
  )
})

describe('compose.yaml', async () => {
  const { services, configs } = parse(await read('compose.yaml'))

  test('is reached from this machine alone, since nothing ends TLS', () => {
    const ports = Object.values<{ ports?: string[] }>(services).flatMap(({ ports = [] }) => ports)
    assert.deepEqual(ports, ['127.0.0.1:8080:8080'])
  })

  test('lets no container gain rights', () => {
    for (const [name, service] of Object.entries<{ security_opt?: string[] }>(services)) {
      assert.deepEqual(service.security_opt, ['no-new-privileges:true'], name)
    }
  })

  test('has a load balancer that HAProxy accepts, and that waits for no slow sender', async (t) => {
    const { content } = configs.haproxy
    assert.match(content, /timeout http-request \d+s/)
    if (!existsSync(HAPROXY)) return t.skip('haproxy is not installed')
    const directory = await mkdtemp(join(tmpdir(), 'sync-person-haproxy-'))
    try {
      await writeFile(join(directory, 'haproxy.cfg'), content)
      await run(HAPROXY, ['-c', '-f', join(directory, 'haproxy.cfg')])
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})

describe('deploy/kubernetes.yaml', async () => {
  const documents = parseAllDocuments(await read('deploy/kubernetes.yaml')).map((one) => one.toJS())
  const ofKind = (kind: string) => documents.find((one) => one.kind === kind)
  const { spec } = ofKind('Deployment').spec.template
  const [container] = spec.containers

  test('meets the Pod Security Standard "restricted", with a read-only root', () => {
    assert.equal(spec.securityContext.runAsNonRoot, true)
    assert.equal(spec.securityContext.seccompProfile.type, 'RuntimeDefault')
    assert.deepEqual(container.securityContext, {
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    })
    assert.equal(spec.automountServiceAccountToken, false)
  })

  test('names variables that there are, and secrets by file alone', () => {
    const names = container.env.map(({ name }: { name: string }) => name)
    for (const name of names)
      assert.ok((VARIABLES as readonly string[]).includes(name.replace(/_FILE$/, '')), name)
    const paths = container.env.map(({ value }: { value: string }) => value)
    assert.equal(
      paths.filter((path: string) => path.startsWith(container.volumeMounts[0].mountPath)).length,
      4,
    )
  })

  test('every part selects the pods of the deployment', () => {
    const { labels } = ofKind('Deployment').spec.template.metadata
    for (const kind of ['Service', 'PodDisruptionBudget', 'NetworkPolicy']) {
      const { selector, podSelector } = ofKind(kind).spec
      assert.deepEqual((podSelector ?? selector).matchLabels ?? selector, labels, kind)
    }
    assert.deepEqual(ofKind('NetworkPolicy').spec.policyTypes, ['Ingress', 'Egress'])
  })
})
