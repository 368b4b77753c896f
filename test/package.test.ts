/** The package as its users get it: built, packed, installed in an empty folder, without the sources' condition. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, test } from 'node:test'

const root = join(import.meta.dirname, '..')
const place = mkdtempSync(join(tmpdir(), 'errand-package-'))
after(() => rmSync(place, { recursive: true, force: true }))

const project = install(pack())

/** Packs a copy, so that a test never replaces the `dist` of someone who is at work here. */
function pack(): string {
  const copy = join(place, 'checkout')
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] }
  const wanted = [
    ...files,
    'package.json',
    'scripts',
    ...globSync(['*.md', 'LICENSE', 'tsconfig*.json'], { cwd: root }),
  ]

  for (const name of wanted.filter((each) => each !== 'dist' && existsSync(join(root, each)))) {
    cpSync(join(root, name), join(copy, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))

  run(process.execPath, ['scripts/build.ts'], copy)
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts'], copy)) as { filename: string }[]

  return join(copy, packed!.filename)
}

function install(tarball: string): string {
  const folder = join(place, 'project')
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}')

  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', tarball], folder)
  return folder
}

/** Runs a command as a stranger would: without what npm and the test runner put into the environment. */
function run(program: string, args: readonly string[], cwd: string): string {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_)/i.test(name))
  const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter)
  const env = { ...Object.fromEntries(inherited), PATH }

  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8', timeout: 120_000 })

  assert.equal(status, 0, `${program} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`)
  return stdout.trim()
}

function runFile(name: string, text: string): string {
  writeFileSync(join(project, name), text)

  return run(process.execPath, [name], project)
}

test('it can be imported', () => {
  const answer = runFile('imported.ts', "import { Errand } from 'errand'\nconsole.log(typeof Errand)\n")

  assert.equal(answer, 'function')
})

test('it can be required', () => {
  const answer = runFile('required.cjs', "console.log(typeof require('errand').Errand)\n")

  assert.equal(answer, 'function')
})

test('its testing door can be imported', () => {
  const answer = runFile(
    'tested.ts',
    "import * as testing from 'errand/testing'\nconsole.log(Object.keys(testing).length > 0)\n",
  )

  assert.equal(answer, 'true')
})

test('its command answers', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }

  const answer = run(join(project, 'node_modules', '.bin', 'errand'), ['--version'], project)

  assert.match(answer, new RegExp(`\\b${RegExp.escape(version)}\\b`))
})

for (const store of ['memory:', 'sqlite:jobs.db']) {
  test(`it runs a job on ${store}`, () => {
    const answer = runFile(
      'job.ts',
      `
      import { Errand } from 'errand'

      const errand = new Errand({ store: '${store}' })
      const greet = errand.task('greet', async (name: string) => 'Hello ' + name)
      const worker = errand.worker()
      await worker.start()

      const job = await greet.enqueue('Ada')
      console.log(await job.result({ timeout: '20s' }))

      await worker.stop()
      await errand.close()
      `,
    )

    assert.equal(answer, 'Hello Ada')
  })
}

test('it carries the sources that its maps point to, and no tests', () => {
  const files = globSync('**/*', { cwd: join(project, 'node_modules', 'errand') })

  assert.ok(files.includes('src/index.ts'))
  assert.ok(files.includes('LICENSE'))
  assert.deepEqual(
    files.filter((file) => /\.test\.|^(test|service|scripts|bench)\b/.test(file)),
    [],
  )
})

test('its pages are in it, and lead to nothing that is not', () => {
  const folder = join(project, 'node_modules', 'errand')
  const pages = globSync(['*.md', 'docs/**/*.md'], { cwd: folder })

  const astray = pages.flatMap((page) =>
    [...readFileSync(join(folder, page), 'utf8').matchAll(/\]\(([^)#\s]+)/g)]
      .map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(folder, dirname(page), target)))
      .map((target) => `${page} -> ${target}`),
  )

  assert.ok(pages.includes('docs/guide/getting-started.md'))
  assert.deepEqual(astray, [])
})

test('every file that is not TypeScript is built too', () => {
  const inSource = globSync('**/*.*', { cwd: join(root, 'src'), exclude: ['**/*.ts'] }).toSorted()

  const missing = inSource.filter((file) => !existsSync(join(project, 'node_modules', 'errand', 'dist', file)))
  assert.deepEqual(missing, [])
})
