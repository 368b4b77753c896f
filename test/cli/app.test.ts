/** Which file is the app, and what is said when it cannot be used. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Scene } from './scene.ts'

const app = (name: string, store = `${name}.db`) => `
import { Errand } from 'errand'
export const errand = new Errand({ store: 'sqlite:${store}' })
errand.task('${name}', async () => '${name}')
`
const separate = (name: string) => `
import { errand } from '${'../'.repeat(name.split('/').length - 1) || './'}errand.config.ts'
errand.task('${name.replace(/\W+/g, '.')}', async () => 'done')
`
const config = (more = '') => `
import { Errand } from 'errand'
export const errand = new Errand({ store: 'sqlite:jobs.db' })
${more}
`

/** The tasks there are, as the message about an unknown one lists them. */
function tasksOf(scene: Scene, ...args: string[]): string {
  const { stderr } = scene.errand(['call', 'q', ...args])

  return /It has: (.*?)\. Import/.exec(stderr)?.[1] ?? stderr
}

test('errand.config.ts comes before tasks.ts, and that before src/tasks', () => {
  const scene = new Scene({ 'src/tasks/a.ts': app('folder') })

  const folder = tasksOf(scene)
  scene.write('tasks.ts', app('file'))
  const file = tasksOf(scene)
  scene.write('errand.config.ts', app('configured'))
  scene.write('tasks.ts', '')
  scene.write('src/tasks/a.ts', '')

  assert.deepEqual([folder, file, tasksOf(scene)], ['folder', 'file', 'configured'])
})

test('a configuration brings the task files beside it, or those it lists', () => {
  const scene = new Scene({
    'errand.config.ts': config(),
    'src/tasks/mail.ts': separate('src/tasks/mail'),
    'src/tasks/mail.test.ts': 'throw new Error("a test is no task")',
    'jobs/report.ts': separate('jobs/report'),
  })

  const usual = tasksOf(scene)
  scene.write('errand.config.ts', config("export const tasks = ['jobs/**/*.ts']"))

  assert.equal(usual, 'src.tasks.mail')
  assert.equal(tasksOf(scene), 'jobs.report')
})

test('--app names the file, and a mistyped name is answered with the nearest', () => {
  const scene = new Scene({ 'work.ts': app('named') })

  assert.equal(tasksOf(scene, '--app', 'work.ts'), 'named')
  assert.match(tasksOf(scene, '-A', 'wrok.ts'), /Did you mean "work\.ts"/)
})

test('the default export is the app where none is called errand', () => {
  const scene = new Scene({
    'tasks.ts':
      app('other').replace('const errand', 'const jobs').replaceAll('errand.task', 'jobs.task') + 'export default jobs',
  })

  assert.equal(tasksOf(scene), 'other')
})

test('no app, two apps and an app without tasks are told apart', () => {
  const none = new Scene({})
  const two = new Scene({
    'tasks.ts': "import { Errand } from 'errand'\nexport const a = new Errand(), b = new Errand()\n",
  })
  const options = new Scene({ 'errand.config.ts': "export default { store: 'sqlite:jobs.db' }\n" })

  const answers = [none, two, options].map((scene) => scene.errand(['worker']))

  assert.deepEqual(
    answers.map(({ code }) => code),
    [1, 1, 1],
  )
  assert.match(answers[0]!.stderr, /There is no app in .*errand\.config\.ts, tasks\.ts/)
  assert.match(answers[1]!.stderr, /Found 2 apps in tasks\.ts/)
  assert.match(answers[2]!.stderr, /errand\.config\.ts exports no app\. Add `export const errand = new Errand/)
})

const unusable: [string, string, RegExp][] = [
  ['an enum', 'enum Color { red }', /Cannot import tasks\.ts:1: .*enum.*compile it first/],
  ['a decorator', 'const d: any = 0\nclass A { @d b() {} }', /Cannot import tasks\.ts: .*decorators.*compile it first/],
  ['a mistake of syntax', 'export const a = = 1', /Cannot import tasks\.ts:1: .*It is not valid TypeScript/],
  ['an import without its ending', "import './mail'", /Cannot import tasks\.ts: .*'\.\/mail\.ts', not '\.\/mail'/],
  [
    'an error of its own',
    "throw new Error('no database')",
    /Cannot import tasks\.ts: no database\. Run this with --verbose/,
  ],
]
for (const [name, text, expected] of unusable) {
  test(`${name} in the app is explained`, () => {
    const { code, stderr } = new Scene({ 'tasks.ts': text }).errand(['worker'])

    assert.equal(code, 1)
    assert.match(stderr, expected)
    assert.doesNotMatch(stderr, /\n\s+at /)
  })
}

test('--verbose shows where an error of the app comes from', () => {
  const { stderr } = new Scene({ 'tasks.ts': "throw new Error('no database')" }).errand(['worker', '--verbose'])

  assert.match(stderr, /at .*tasks\.ts:1/)
})

test('TypeScript below node_modules is explained', () => {
  const scene = new Scene({ 'part/node_modules/mail/tasks.ts': 'export const a: number = 1' })

  const { code, stderr } = scene.errand(['worker', '-A', 'part/node_modules/mail/tasks.ts'])

  assert.equal(code, 1)
  assert.match(stderr, /Node runs no TypeScript below node_modules\. Publish that package as JavaScript/)
})

test('--store is stronger than the app, and ERRAND_STORE serves an app that names none', () => {
  const scene = new Scene({ 'tasks.ts': app('a', 'named.db'), 'free.ts': app('b').replace(/\{ store.*\}/, '') })

  scene.errand(['call', 'a', '--store', 'sqlite:given.db'])
  scene.errand(['call', 'a'], { env: { ERRAND_STORE: 'sqlite:environment.db' } })
  scene.errand(['call', 'b', '-A', 'free.ts'], { env: { ERRAND_STORE: 'sqlite:environment.db' } })

  const tasks = (store: string) => scene.errand(['jobs', 'list', '-o', 'jsonl', '--store', `sqlite:${store}`]).stdout
  assert.match(tasks('given.db'), /"task":"a"/)
  assert.match(tasks('named.db'), /"task":"a"/)
  assert.match(tasks('environment.db'), /"task":"b"/)
})

test('--store comes too late for an app that opens its store while it is loaded, and says so', () => {
  const scene = new Scene({ 'tasks.ts': `${app('eager')}\nawait errand.open()\n` })

  const { code, stderr } = scene.errand(['call', 'eager', '--store', 'sqlite:other.db'])

  assert.equal(code, 3)
  assert.match(stderr, /The store sqlite:eager\.db is in use already/)
})

test('.env is read first, and what the environment says wins', () => {
  const scene = new Scene({ 'tasks.ts': app('b').replace(/\{ store.*\}/, ''), '.env': 'ERRAND_STORE=sqlite:dot.db\n' })

  scene.errand(['call', 'b', '--id', 'one'])
  scene.errand(['call', 'b', '--id', 'two'], { env: { ERRAND_STORE: 'sqlite:own.db' } })

  assert.match(scene.errand(['jobs', 'list', '--store', 'sqlite:dot.db']).stdout, /^one/m)
  assert.match(scene.errand(['jobs', 'list', '--store', 'sqlite:own.db']).stdout, /^two/m)
})

test('an app runs its own command line', () => {
  const own = `
import { Errand } from 'errand'
const errand = new Errand({ store: 'sqlite:jobs.db' })
errand.task('greet', async (name: string) => 'Hello ' + name)
if (import.meta.main) await errand.cli()
`
  const scene = new Scene({ 'app.ts': own })
  const file = `${scene.folder}/app.ts`

  const call = scene.errand(['call', 'greet', 'Ada', '--id', 'own'], { file })
  const worked = scene.errand(['worker', '--burst'], { file })
  const shown = scene.errand(['jobs', 'show', 'own', '-o', 'json'], { file })
  const missing = scene.errand(['jobs', 'show', 'nobody'], { file })

  assert.deepEqual([call.code, call.stdout, worked.code, missing.code], [0, 'own\n', 0, 4])
  assert.equal(JSON.parse(shown.stdout).result, 'Hello Ada')
})

test('an app that awaits what never comes is told, and nothing counts as done', () => {
  const scene = new Scene({ 'tasks.ts': `${app('task')}\nawait new Promise(() => {})` })

  const { code, stderr } = scene.errand(['call', 'task'])

  assert.equal(code, 1)
  assert.match(stderr, /error: The app awaits something at its top that never comes, so nothing was done/)
})
