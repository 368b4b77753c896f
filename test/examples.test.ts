/**
 * Every program in examples/ runs, and prints what it says it prints: the comment at its
 * end, after a line `// prints:`, is its whole standard output.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { describe, test } from 'node:test'

const folder = join(import.meta.dirname, '..', 'examples')
const examples = globSync(join(folder, '*.ts')).toSorted()

describe('examples', { concurrency: 2 }, () => {
  for (const file of examples) {
    test(`examples/${basename(file)} prints what it says`, async (t) => {
      const place = mkdtempSync(join(tmpdir(), 'errand-example-'))
      t.after(() => rmSync(place, { recursive: true, force: true }))

      const printed = await run(file, place)

      assert.equal(printed, announced(file))
    })
  }
})

test('there are examples, each numbered and named', () => {
  assert.ok(examples.length > 0)
  assert.deepEqual(
    examples.map((file) => basename(file)).filter((name) => !/^\d\d-[a-z0-9-]+\.ts$/.test(name)),
    [],
  )
})

function run(file: string, cwd: string): Promise<string> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_'))
  const options = { cwd, env: Object.fromEntries(inherited), timeout: 30_000 }

  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--conditions=errand-source', file], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout.trimEnd())
      else reject(new Error(`It ended with ${error.code ?? error.signal}.\n${stdout}${stderr}`))
    })
  })
}

function announced(file: string): string {
  const [, comment] = readFileSync(file, 'utf8').split(/^\/\/ prints:\n/m)
  assert.ok(comment !== undefined, `${file} does not end with a comment "// prints:"`)

  return comment
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^\/\/ ?/, ''))
    .join('\n')
}
