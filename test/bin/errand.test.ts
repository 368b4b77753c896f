import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

const bin = join(import.meta.dirname, '..', '..', 'bin')

/** A package with our `bin` folder and, as its command line, programs that say where they came from. */
function aPackage(t: TestContext, { oldestNode = '20.0', checkout = false } = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'errand-bin-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))

  const imports = { '#cli': { 'errand-source': './src/main.ts', default: './dist/main.js' } }
  const settings = { type: 'module', engines: { node: `>=${oldestNode}` }, imports }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(settings))

  cpSync(bin, join(folder, 'bin'), { recursive: true })
  for (const [name, from] of [
    ['src/main.ts', 'sources'],
    ['dist/main.js', 'build'],
  ] as const) {
    mkdirSync(join(folder, name, '..'))
    writeFileSync(
      join(folder, name),
      `export async function main(args) { console.log('from the ${from}:', ...args); return 7 }`,
    )
  }
  if (checkout) writeFileSync(join(folder, 'tsconfig.build.json'), '{}')

  return folder
}

function errand(folder: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(folder, 'bin', 'errand.cjs'), ...args], {
    encoding: 'utf8',
    timeout: 20_000,
  })
}

test('an older Node is told in one line which one is needed', (t) => {
  const { status, stdout, stderr } = errand(aPackage(t, { oldestNode: '99.3' }), 'jobs')

  assert.equal(status, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /^Errand needs Node 99\.3 or newer, this is \d+\.\d+\.\d+ \(.+\)\.\n$/)
})

test('the published package runs its build, and ends with the code that it gives', (t) => {
  const { status, stdout } = errand(aPackage(t), 'jobs', 'list')

  assert.deepEqual([status, stdout], [7, 'from the build: jobs list\n'])
})

test('a checkout runs its sources, even where there is a build', (t) => {
  const { status, stdout, stderr } = errand(aPackage(t, { checkout: true }), 'jobs', 'list')

  assert.deepEqual([status, stdout, stderr], [7, 'from the sources: jobs list\n', ''])
})

test('a checkout whose sources do not load fails, and does not start again for ever', (t) => {
  const folder = aPackage(t, { checkout: true })
  rmSync(join(folder, 'src'), { recursive: true })

  const { status, stderr } = errand(folder)

  assert.equal(status, 1)
  assert.match(stderr, /Cannot find module .*main\.ts/)
})
