/** The test runner itself: everything by which a test file could pass or hang without having been checked. */
import assert from 'node:assert/strict'
import { execFile, type ExecFileOptions } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'

const runner = join(import.meta.dirname, '..', '..', 'scripts', 'run-tests.ts')
const place = mkdtempSync(join(tmpdir(), 'errand-runner-'))
after(() => rmSync(place, { recursive: true, force: true }))

interface Answer {
  status: number | null
  output: string
  lastLine: string
}

/** Runs files with these texts, a passing one before them, as `npm test` would. */
const runTexts = (...texts: string[]): Promise<Answer> => runTextsWithin(25_000, ...texts)

/** The passing file has to end in that time too, on a machine that is busy with other things. */
async function runTextsWithin(fileMs: number, ...texts: string[]): Promise<Answer> {
  const cwd = mkdtempSync(join(place, 'run-'))
  const files = ["test('good', () => {})", ...texts].map((text, index) => {
    const file = join(cwd, `${index}.test.ts`)
    writeFileSync(file, `import { describe, test } from 'node:test'\n${text}\n`)
    return file
  })
  // A runner started by a test would take itself for a part of that test's run.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env

  const args = [runner, '--test-ms', '500', '--file-ms', String(fileMs), ...files]
  const { status, stdout } = await execute(args, { cwd, env, timeout: 30_000 })

  return { status, output: stdout, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '' }
}

function execute(args: string[], options: ExecFileOptions): Promise<{ status: number | null; stdout: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { ...options, encoding: 'utf8' }, (_error, stdout) =>
      resolve({ status: child.exitCode, stdout }),
    )
  })
}

describe('the test runner', { concurrency: 4 }, () => {
  test('counts what passed and what failed, and fails when one did', async () => {
    const good = await runTexts("describe('a', () => { test('b', () => {}) })")
    const bad = await runTexts("describe('a', () => { test('b', () => { throw new Error('broken') }) })")

    assert.deepEqual([good.status, good.lastLine], [0, '2 passed, 0 failed'])
    assert.deepEqual([bad.status, bad.lastLine], [1, '1 passed, 1 failed'])
    assert.match(bad.output, /1\.test\.ts: a > b/)
    assert.match(bad.output, /Error: broken/)
  })

  test('names the slowest tests', async () => {
    const { output } = await runTexts("test('slow', () => new Promise((done) => setTimeout(done, 50)))")

    assert.match(output, /The ten slowest tests:\n +\d+ ms {2}1\.test\.ts: slow\n/)
  })

  test('ends a file that leaves a server open', async () => {
    const text = "import { createServer } from 'node:net'\ntest('leaks', () => { createServer().listen(0) })"

    assert.equal((await runTexts(text)).lastLine, '2 passed, 0 failed')
  })

  test('fails a test that never ends', async () => {
    const idle = await runTexts("test('endless', () => new Promise(() => {}))")
    const busy = await runTexts("test('endless', () => new Promise(() => setInterval(() => {}, 100)))")

    assert.deepEqual([idle.status, idle.lastLine], [1, '1 passed, 1 failed'])
    assert.deepEqual([busy.status, busy.lastLine], [1, '1 passed, 1 failed'])
    for (const { output } of [idle, busy]) assert.match(output, /FAILED, 1:\n {2}1\.test\.ts: endless\n/)
  })

  test('fails a file whose test spins', async () => {
    const { status, output, lastLine } = await runTextsWithin(8_000, "test('spins', () => { for (;;); })")

    assert.deepEqual([status, lastLine], [1, '1 passed, 1 failed'])
    assert.match(output, /The file did not end in time and was ended/)
    assert.match(output, /FAILED, 1:\n {2}1\.test\.ts\n/)
  })

  test('fails a file that does not finish loading', async () => {
    const { status, lastLine } = await runTextsWithin(8_000, 'setInterval(() => {}, 100)\nawait new Promise(() => {})')

    assert.deepEqual([status, lastLine], [1, '1 passed, 1 failed'])
  })

  test('fails a file that exits before its tests are through, whatever passed before', async () => {
    const first = await runTexts("test('exits', () => process.exit(0))")
    const later = await runTexts(`
      const wait = () => new Promise((done) => setTimeout(done, 50))
      test('passes', wait)
      test('exits', async () => { await wait(); process.exit(0) })
      test('would fail', () => { throw new Error('never seen') })`)

    assert.deepEqual([first.status, first.lastLine], [1, '1 passed, 1 failed'])
    assert.deepEqual([later.status, later.lastLine], [1, '2 passed, 1 failed'])
  })

  test('fails a file that does not load, and shows why', async () => {
    const { status, output, lastLine } = await runTexts("import './missing.ts'")

    assert.deepEqual([status, lastLine], [1, '1 passed, 1 failed'])
    assert.match(output, /Cannot find module .*missing\.ts/)
  })

  test('fails a file without tests', async () => {
    const { status, lastLine } = await runTexts('')

    assert.deepEqual([status, lastLine], [1, '1 passed, 1 failed'])
  })

  test('fails a suite whose hook or body throws', async () => {
    const hook = await runTexts(
      "import { before } from 'node:test'\nbefore(() => { throw new Error('hook') })\ntest('a', () => {})",
    )
    const body = await runTexts("describe('a', () => { throw new Error('body') })")

    assert.equal(hook.status, 1)
    assert.deepEqual([body.status, body.lastLine], [1, '1 passed, 1 failed'])
  })

  test('does not wait for a child that a test left behind', async () => {
    const { status, output } = await runTexts(`
      import { spawn } from 'node:child_process'
      test('leaves a child', () => { spawn('sleep', ['10'], { stdio: 'inherit' }) })`)

    assert.equal(status, 1)
    assert.match(output, /FAILED, 1:\n {2}1\.test\.ts\n/)
  })

  test('says what was skipped and why, and fails what was skipped without a reason', async () => {
    const reasoned = await runTexts("test('a', { skip: 'no server' }, () => {})")
    const silent = await runTexts("test('a', { skip: true }, () => {})")

    assert.deepEqual([reasoned.status, reasoned.lastLine], [0, '1 passed, 0 failed'])
    assert.match(reasoned.output, /SKIPPED, 1:\n {2}1\.test\.ts: a: no server/)
    assert.deepEqual([silent.status, silent.lastLine], [1, '1 passed, 1 failed'])
  })
})
