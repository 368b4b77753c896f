import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Scene } from './scene.ts'

const tasks = `
import { Errand } from 'errand'

export const errand = new Errand({ store: 'sqlite:jobs.db' })
const report = errand.task('report', async (name: string) => 'reported ' + name)
errand.schedule('nightly', { cron: '30 2 * * *', zone: 'Europe/Berlin' }, report.with('all'))
errand.schedule('often', { every: '1h' }, report.with('some'))
`

async function scene(): Promise<Scene> {
  const made = new Scene({ 'tasks.ts': tasks })
  const beat = made.start(['beat'])
  await beat.says('Firing 2 schedules')
  beat.signal('SIGTERM')
  assert.equal((await beat.ended).code, 0)

  return made
}

test('a beat declares what the code says, and schedules lists it', async () => {
  const schedules = await scene()

  const { stdout } = schedules.errand(['schedules'])
  const rows = JSON.parse(schedules.errand(['schedules', 'list', '-o', 'json']).stdout)

  assert.match(stdout, /^schedule +when +next +enqueues +last/)
  assert.match(stdout, /nightly +30 2 \* \* \* Europe\/Berlin +in /)
  assert.deepEqual(
    rows.map(({ name, task, paused, orphaned }: any) => [name, task, paused, orphaned]),
    [
      ['nightly', 'report', false, false],
      ['often', 'report', false, false],
    ],
  )
})

test('the ticks to come are told in the schedule’s own zone', async () => {
  const schedules = await scene()

  const { stdout } = schedules.errand(['schedules', 'next', 'nightly', '-n', '3'])
  const ticks = JSON.parse(schedules.errand(['schedules', 'next', 'nightly', '-n', '3', '-o', 'json']).stdout)

  assert.match(stdout, /^at +Europe\/Berlin/)
  assert.equal(ticks.length, 3)
  assert.match(ticks[0].local, /02:30:00|03:00:00/)
})

test('run enqueues the job now', async () => {
  const schedules = await scene()

  const { stdout, code } = schedules.errand(['schedules', 'run', 'nightly'])
  const job = JSON.parse(schedules.errand(['jobs', 'show', stdout.trim(), '-o', 'json']).stdout)

  assert.equal(code, 0)
  assert.deepEqual([job.task, job.input, job.metadata.schedule], ['report', 'all', 'nightly'])
})

test('a paused schedule says so until it is resumed, and a removed one is gone', async () => {
  const schedules = await scene()
  const listed = () => schedules.errand(['schedules']).stdout

  schedules.errand(['schedules', 'pause', 'often'])
  assert.match(listed(), /often.*paused/)
  assert.doesNotMatch(listed(), /often.* in /)
  assert.match(schedules.errand(['schedules', 'next', 'often']).stderr, /paused: none of them comes before/)
  assert.match(schedules.errand(['schedules', 'resume', 'often']).stderr, /ticks again, next in/)
  assert.doesNotMatch(listed(), /paused/)
  schedules.errand(['schedules', 'remove', 'often'])

  assert.doesNotMatch(listed(), /often/)
})

test('a schedule of a kind that only a newer release knows is listed with the others', async () => {
  const schedules = await scene()
  const file = new DatabaseSync(join(schedules.folder, 'jobs.db'))
  file.exec(`update errand_schedule set rule = json_set(rule, '$.when', json('{"tide":"high"}')) where name = 'often'`)
  file.close()

  const { stdout, code } = schedules.errand(['schedules'])

  assert.equal(code, 0)
  assert.match(stdout, /nightly +30 2/)
  assert.match(stdout, /often +\{"tide":"high"\}/)
})

test('what is mistyped is answered with what was meant', async () => {
  const schedules = await scene()

  const name = schedules.errand(['schedules', 'run', 'nihgtly'])
  const command = schedules.errand(['schedules', 'lits'])
  const count = schedules.errand(['schedules', 'next', 'nightly', '-n', 'many'])

  assert.deepEqual([name.code, command.code, count.code], [4, 2, 2])
  assert.match(name.stderr, /Did you mean "nightly"/)
  assert.match(command.stderr, /Did you mean .*list/)
})

test('prune asks before it removes, and tells when there is nothing to', async () => {
  const schedules = await scene()

  const { stdout, stderr, code } = schedules.errand(['schedules', 'prune'])

  assert.deepEqual([code, stdout], [0, ''])
  assert.match(stderr, /No schedule is an orphan/)
})
