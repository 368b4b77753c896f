import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from './a-service.ts'
import { aStartedService, shortLease } from './a-started-service.ts'

const guide = readFileSync(new URL('../../docs/guide/service.md', import.meta.url), 'utf8')

test('the commands of the guide do what it says', { timeout: 120_000 }, async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'data'))
  const service = await aStartedService(t, join(folder, 'data'), shortLease)
  const blocks = [...guide.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block]) => block!)
  const script = blocks.join('echo\necho ---\n').replace('http://127.0.0.1:8000', service.url)

  const shell = spawn('bash', ['-eu', '-c', script], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => shell.kill('SIGKILL'))
  const output = (await shell.stdout.toArray()).join('')
  const [code] = (shell.exitCode === null ? await once(shell, 'exit') : [shell.exitCode]) as [number]

  const parts = output.split('---\n')
  const said = (index: number, expected: RegExp) => assert.match(parts[index]!, expected, `block ${index + 1}`)
  assert.equal(code, 0, output)
  assert.equal(parts.length, blocks.length)
  said(0, /"status":"ready"/)
  said(1, /"email":"ann@example.com"/)
  said(2, /"name":"Ann"/)
  said(3, /"task_type":"email"/)
  said(4, /"status":"completed".*"status":"completed"/s)
  said(5, /"subject":"Hello"/)
  said(6, /"processing_type":"analyze"/)
  said(7, /"kind":"csv"/)
  said(8, /"status":"completed","progress":100\s*$/)
  said(9, /300001 result\.csv/)
  said(10, /"status":"cancelled"/)
  said(11, /"status":"completed","progress":100\s*$/)
})
