import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Scene } from './scene.ts'

test('the version is that of the package', () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'))

  const { code, stdout } = new Scene({}).errand(['--version'])

  assert.deepEqual([code, stdout], [0, `${version}\n`])
})

test('asking for help is no error, and help goes to stdout', () => {
  const scene = new Scene({})

  const cases: [string[], RegExp][] = [
    [['--help'], /^Usage: errand \[options\]/],
    [['help'], /^Usage: errand \[options\]/],
    [['help', 'call'], /^Usage: errand call /],
    [['help', 'jobs', 'list'], /^Usage: errand jobs list /],
    [['jobs', 'help', 'list'], /^Usage: errand jobs list /],
    [['jobs', 'list', '--help'], /^Usage: errand jobs list /],
  ]

  for (const [args, expected] of cases) {
    const { code, stdout, stderr } = scene.errand(args)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, expected)
  }
})

test('what does not exist ends with 2 and the nearest that does', () => {
  const scene = new Scene({})
  const cases: [string[], RegExp][] = [
    [['wroker'], /Did you mean worker\?/],
    [['jobs', 'lits'], /Did you mean list\?/],
    [['help', 'jbos'], /Unknown command "jbos"\. Did you mean "jobs"\?/],
    [['help', 'jobs', 'lits'], /Unknown command "jobs lits"\. Did you mean "jobs list"\?/],
    [['queues', 'help', 'xyzzy'], /Unknown command "queues xyzzy"\. There are: queues list, /],
    [['queues', 'lits'], /Did you mean "queues list"\?/],
    [['workflows', 'show', 'a', 'b'], /too many arguments for 'show'/],
    [['schedules', 'run', 'a', 'b'], /too many arguments for 'run'/],
    [['queues', 'pause', 'a', 'b'], /too many arguments for 'pause'/],
    [['limits', 'reset', 'a', 'b'], /too many arguments for 'reset'/],
    [['call', 'greet', '--wiat'], /Did you mean --wait\?/],
    [['jobs', 'list', '-o', 'xml'], /Allowed choices are table, json, jsonl/],
    [[], /^Usage: errand/],
  ]

  for (const [args, expected] of cases) {
    const { code, stdout, stderr } = scene.errand(args)
    assert.deepEqual([code, stdout], [2, ''], args.join(' '))
    assert.match(stderr, expected)
  }
})

test('starting loads no command that was not asked for', () => {
  const scene = new Scene({})
  // Printed by Node itself for every module that it loads.
  const { stderr } = scene.errand(['--help'], { env: { NODE_DEBUG: 'esm' } })
  const loaded = [...stderr.matchAll(/\/src\/(cli\/commands\/\S+?|errand|store\/\S+?|worker\/\S+?)\.ts/g)].map(
    ([, name]) => name,
  )

  assert.match(stderr, /src\/cli\/program\.ts/)
  assert.deepEqual(loaded, [])
})

test(
  'what cannot be written to stdout is told, and ends with 1',
  { skip: !existsSync('/dev/full') && 'no /dev/full' },
  (t) => {
    const full = openSync('/dev/full', 'w')
    t.after(() => closeSync(full))

    const { code, stderr } = new Scene().errand(['call', 'greet', 'Ada'], { stdout: full })

    assert.equal(code, 1)
    assert.match(stderr, /error: Cannot write to stdout: ENOSPC/)
  },
)
