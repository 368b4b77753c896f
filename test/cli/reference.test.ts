/** docs/reference/cli.md, held against the program. With RENEW=1 the page is written anew instead. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { exitCodes } from '../../src/cli/failures.ts'
import { helpByCommand, renewed, shownOn } from './help.ts'

const path = join(import.meta.dirname, '..', '..', 'docs', 'reference', 'cli.md')
if (process.env['RENEW']) writeFileSync(path, renewed(readFileSync(path, 'utf8')))
const page = readFileSync(path, 'utf8')

test('the page shows every command, with the help that it prints', () => {
  const shown = shownOn(page)
  const printed = helpByCommand()

  assert.deepEqual([...shown.keys()].toSorted(), [...printed.keys()].toSorted())
  for (const [command, help] of printed) {
    assert.equal(shown.get(command), help, `${command}: run this test with RENEW=1 to write the page anew`)
  }
})

test('the page lists every exit code', () => {
  const listed = [...page.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code))

  assert.deepEqual(listed, Object.values(exitCodes))
})
