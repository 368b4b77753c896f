import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

const setup = join(import.meta.dirname, '..', '..', 'scripts', 'setup.cjs')

/** A fresh clone of a project whose only package is a "node" that comes from a folder beside it. */
function aClone(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'errand-setup-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))

  mkdirSync(join(folder, 'scripts'))
  mkdirSync(join(folder, 'fake-node'))
  cpSync(setup, join(folder, 'scripts', 'setup.cjs'))
  writeJson(folder, 'fake-node/package.json', fakeNode)
  writeFileSync(join(folder, 'fake-node', 'node.sh'), '#!/bin/sh\n')
  chmodSync(join(folder, 'fake-node', 'node.sh'), 0o755)
  writeJson(folder, 'package.json', project)
  writeJson(folder, 'package-lock.json', lock)

  return folder
}

const fakeNode = { name: 'node', version: '1.0.0', bin: { node: 'node.sh' } }
const project = { name: 'project', dependencies: { node: 'file:fake-node' } }
const lock = {
  name: 'project',
  lockfileVersion: 3,
  packages: { '': project, 'fake-node': fakeNode, 'node_modules/node': { resolved: 'fake-node', link: true } },
}

function writeJson(folder: string, name: string, value: unknown): void {
  writeFileSync(join(folder, name), JSON.stringify(value))
}

function setUp(folder: string, env: NodeJS.ProcessEnv = process.env): { status: number | null; said: string } {
  const script = join(folder, 'scripts', 'setup.cjs')
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { env, encoding: 'utf8', timeout: 30_000 })

  return { status, said: stdout + stderr }
}

test('a fresh clone is set up once, and then nothing is said or done', (t) => {
  const clone = aClone(t)

  const first = setUp(clone)
  const second = setUp(clone)

  assert.equal(first.status, 0, first.said)
  assert.match(first.said, /^Setting up/)
  assert.ok(existsSync(join(clone, 'node_modules', '.bin', 'node')))
  assert.deepEqual(second, { status: 0, said: '' })
})

test('a changed lock file is set up again, a changed script is not', (t) => {
  const clone = aClone(t)
  setUp(clone)

  writeJson(clone, 'package.json', { ...project, scripts: { hello: 'echo' } })
  const afterScript = setUp(clone)
  writeJson(clone, 'package-lock.json', { ...lock, requires: true })
  const afterLock = setUp(clone)

  assert.equal(afterScript.said, '')
  assert.match(afterLock.said, /^Setting up/)
})

test('where npm ci fails, the last line says what to look at', (t) => {
  const clone = aClone(t)
  writeJson(clone, 'package.json', { ...project, dependencies: { ...project.dependencies, other: 'file:other' } })

  const { status, said } = setUp(clone)

  assert.equal(status, 1)
  assert.match(
    said,
    /\nSet-up failed: `npm ci` ended with 1, see above\. It needs the npm registry; then try again\.\n$/,
  )
})

test('where there is no npm, one line says so', (t) => {
  const { status, said } = setUp(aClone(t), { PATH: '' })

  assert.equal(status, 1)
  assert.match(said, /\nSet-up failed: npm could not be started/)
})
