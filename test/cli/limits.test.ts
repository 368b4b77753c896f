import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Scene } from './scene.ts'

const tasks = `
import { Errand } from 'errand'

export const errand = new Errand({ store: 'sqlite:jobs.db', queues: { email: { limit: { rate: '10/s' } } } })
errand.task('call-api', { limit: { concurrency: 2, rate: '100/m', per: (tenant) => tenant } }, async (tenant: string) => tenant)
errand.task('send', { queue: 'email' }, async () => {})
`

function scene(): Scene {
  const made = new Scene({ 'tasks.ts': tasks })
  for (const tenant of ['acme', 'acme', 'acme', 'globex']) made.errand(['call', 'call-api', tenant])
  made.errand(['call', 'send'])

  return made
}

test('limits are listed with what they hold back', () => {
  const limits = scene()

  const { stdout } = limits.errand(['limits'])
  const listed = JSON.parse(limits.errand(['limits', 'list', '--prefix', 'call-api:', '-o', 'json']).stdout)
  const first = JSON.parse(limits.errand(['limits', 'list', '--limit', '1', '-o', 'json']).stdout)
  const rest = limits.errand(['limits', 'list', '--cursor', first.cursor, '-o', 'jsonl']).stdout.trim().split('\n')

  assert.match(stdout, /^limit +concurrency +taken +waiting +rate +free\n/)
  assert.match(stdout, /\ncall-api:acme +2 +2 +1 +100\/m +100\n/)
  assert.deepEqual(
    listed.limits.map(({ name, concurrency, taken, waiting }: any) => [name, concurrency, taken, waiting]),
    [
      ['call-api:acme', 2, 2, 1],
      ['call-api:globex', 2, 1, 0],
    ],
  )
  assert.deepEqual([first.limits.length, rest.length], [1, 2])
})

test('a limit that is set holds whatever the code says, until it is reset', () => {
  const limits = scene()
  const acme = () => JSON.parse(limits.errand(['limits', 'list', '--prefix', 'call-api:acme', '-o', 'jsonl']).stdout)

  const { code, stderr } = limits.errand(['limits', 'set', 'call-api:acme', '-c', '1', '--rate', '10/90s'])
  limits.errand(['call', 'call-api', 'acme'])
  const [set, shown] = [acme(), limits.errand(['limits']).stdout]
  limits.errand(['limits', 'reset', 'call-api:acme'])
  limits.errand(['call', 'call-api', 'acme'])
  const reset = acme()

  assert.equal(code, 0)
  assert.match(stderr, /Limit "call-api:acme" is set/)
  assert.doesNotMatch(stderr, /warning/)
  assert.match(shown, /call-api:acme .* 10\/90s .* set by hand/)
  assert.deepEqual([set.concurrency, set.rate, set.pinned], [1, { starts: 10, per: 90_000 }, true])
  assert.deepEqual([reset.concurrency, reset.rate, reset.pinned], [2, { starts: 100, per: 60_000 }, false])
})

test('only what was set by hand is reset, and anything else is told apart', () => {
  const limits = scene()

  const unknown = limits.errand(['limits', 'reset', 'call-api:acmee'])
  const unset = limits.errand(['limits', 'reset', 'call-api:acme'])

  assert.deepEqual([unknown.code, unset.code], [0, 0])
  assert.match(unknown.stderr, /warning: No limit here is named "call-api:acmee", so none was reset\./)
  assert.doesNotMatch(unknown.stderr, /follows the code/)
  assert.match(unset.stderr, /"call-api:acme" was not set by hand: it follows the code already/)
})

test('the bare word takes the flags of the list', () => {
  const limits = scene()

  const few = limits.errand(['limits', '--limit', '1', '-o', 'json'])
  const none = limits.errand(['limits', '--prefix', 'nobody'])

  assert.equal(JSON.parse(few.stdout).limits.length, 1)
  assert.match(none.stderr, /No limit begins with "nobody"/)
})

test('a limit that no job names is set all the same, with a warning that its name may be wrong', () => {
  const { code, stderr } = scene().errand(['limits', 'set', 'call-api:acmee', '-c', '1'])

  assert.equal(code, 0)
  assert.match(stderr, /warning: No job here names the limit "call-api:acmee" yet\./)
})

test('what cannot be a limit is refused with what can', () => {
  const limits = scene()
  const set = (...flags: string[]) => limits.errand(['limits', 'set', 'call-api:acme', ...flags])

  const [nothing, none, odd, bare] = [set(), set('-c', '0'), set('--rate', '10/w'), set('--rate', '10')]
  const mistyped = limits.errand(['limits', 'lst'])

  assert.deepEqual([nothing.code, none.code, odd.code, bare.code, mistyped.code], [2, 2, 2, 2, 2])
  assert.match(nothing.stderr, /--concurrency 3, --rate 10\/m/)
  assert.match(odd.stderr, /'100\/m'.*INVALID_OPTION/)
  assert.match(bare.stderr, /such as '10\/m'.*got "10"/)
  assert.doesNotMatch(bare.stderr, /warning/)
  assert.match(mistyped.stderr, /Did you mean "limits list"/)
})
