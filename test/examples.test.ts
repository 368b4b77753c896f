/**
 * Every program in examples/ runs, and prints what it says it prints: the comment at its
 * end, after a line `// prints:`, is its whole standard output. Those that speak of `DATABASE_URL` are given a
 * PostgreSQL, and left out with a reason where none can be had.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { findPostgres, startPostgres } from './servers.ts'

const folder = join(import.meta.dirname, '..', 'examples')
const examples = globSync(join(folder, '*.ts')).toSorted()
const needsPostgres = (file: string) => readFileSync(file, 'utf8').includes('DATABASE_URL')

const program = examples.some(needsPostgres) ? await findPostgres() : undefined
const postgres = program === undefined ? undefined : await startPostgres(program, ['fsync=off'])
after(() => postgres?.stop())

describe('examples', { concurrency: 2 }, () => {
  for (const file of examples) {
    const skip = needsPostgres(file) && !postgres && 'no PostgreSQL server'

    test(`examples/${basename(file)} prints what it says`, { skip }, async (t) => {
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
  const env = { ...Object.fromEntries(inherited), ...(postgres && { DATABASE_URL: postgres.url }) }
  const options = { cwd, env, timeout: 30_000 }

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
