import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'

const moduleUrl = new URL('../worker-log.ts', import.meta.url).href
const chatty = `
  const { workerLog } = await import('${moduleUrl}')
  process.stdout.on('error', () => {})
  const log = workerLog('info')
  process.on('disconnect', () => process.exit(7))
  for (let line = 0; line < 20_000; line += 1) log.info({ line }, 'a line that nobody reads')
  process.send('full')
`

test('a worker with lines that nobody read ends when its service is gone', { timeout: 30_000 }, async (t) => {
  const child = spawn(process.execPath, ['--conditions=errand-source', '--input-type=module', '-e', chatty], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  t.after(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  await once(child, 'message')

  child.stdout!.destroy()
  child.disconnect()

  assert.deepEqual(await exited, [7, null])
})
