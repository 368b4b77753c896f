import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { findPostgres, findProgram, findRedis, startPostgres, startRedis } from './servers.ts'

const redis = await findRedis()
const postgres = await findPostgres()

const unheardOf = {
  what: 'A nonesuch',
  variable: 'ERRAND_TEST_NONESUCH',
  names: ['errand-test-nonesuch'],
  debianPackage: 'errand-test-nonesuch',
}

test('a program is taken from its environment variable first', async (t) => {
  process.env.ERRAND_TEST_NONESUCH = process.execPath
  t.after(() => delete process.env.ERRAND_TEST_NONESUCH)

  assert.equal(await findProgram(unheardOf), process.execPath)
})

test('what cannot be found is undefined, and an error in CI', async (t) => {
  const { PATH, CI } = process.env
  t.after(() => setEnvironment({ PATH, CI }))

  setEnvironment({ PATH: '', CI: undefined })
  const found = await findProgram(unheardOf)
  setEnvironment({ CI: 'true' })

  assert.equal(found, undefined)
  await assert.rejects(findProgram(unheardOf), /set ERRAND_TEST_NONESUCH, or install/)
})

test(
  'a Redis server answers once it has started, and is gone once it has stopped',
  { skip: !redis && 'no Redis server' },
  async () => {
    const server = await startRedis(redis!)

    const first = await say(server.url, 'PING\r\n')
    await server.stop()

    assert.equal(first, '+PONG\r\n')
    await assert.rejects(say(server.url, 'PING\r\n'), { code: 'ECONNREFUSED' })
  },
)

test(
  'a PostgreSQL server takes connections once it has started, also after a restart, and is gone once it has stopped',
  { skip: !postgres && 'no PostgreSQL server' },
  async () => {
    const server = await startPostgres(postgres!, ['fsync=off'])
    const askForTls = '\0\0\0\x08\x04\xd2\x16\x2f'

    const first = await say(server.url, askForTls)
    await server.restart()
    const again = await say(server.url, askForTls)
    await server.stop()

    assert.deepEqual([first, again], ['N', 'N'])
    await assert.rejects(say(server.url, askForTls), { code: 'ECONNREFUSED' })
    assert.equal(existsSync(server.folder), false)
  },
)

async function say(url: string, words: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  socket.write(words, 'latin1')

  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return answer.toString()
}

function setEnvironment(values: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}
