/** What `errand worker` says when it starts of a server that may lose jobs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findRedis, startRedis } from '../servers.ts'
import { Scene } from './scene.ts'

const redis = await findRedis()
const skip = !redis && 'no Redis server'

const app = (url: string) => `
import { Errand } from 'errand'

export const errand = new Errand({ store: '${url}' })
errand.task('greet', async () => {})
`

const findings = (text: string) => text.split('\n').filter((line) => line.includes('store finding'))

test(
  'a worker on a server without persistence says what that means, for people and for programs',
  { skip },
  async (t) => {
    const server = await startRedis(redis!)
    t.after(() => server.stop())
    const scene = new Scene({ 'tasks.ts': app(server.url) })

    const { stderr } = scene.errand(['worker', '--burst'])
    const { stdout } = scene.errand(['worker', '--burst', '-o', 'jsonl'])

    const [line, ...others] = findings(stderr)
    assert.match(
      line!,
      /store finding durability: no persistence: jobs survive the end of your processes; .*Set `appendonly/,
    )
    const { at, ...finding } = JSON.parse(findings(stdout)[0]!) as Record<string, unknown>
    assert.ok(at)
    assert.deepEqual(
      [others, finding['event'], finding['subject'], finding['verdict']],
      [[], 'store finding', 'durability', 'warning'],
    )
  },
)

test('a worker on a server of which all is good says nothing of it', { skip }, async (t) => {
  const server = await startRedis(redis!, ['--appendonly', 'yes', '--appendfsync', 'always'])
  t.after(() => server.stop())
  const scene = new Scene({ 'tasks.ts': app(server.url) })

  const { stderr } = scene.errand(['worker', '--burst'])

  assert.match(stderr, /worker started/)
  assert.deepEqual(findings(stderr), [])
})
