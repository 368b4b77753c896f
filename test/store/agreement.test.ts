import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { SqliteStore } from '../../src/store/sqlite/sqlite.ts'
import { agreement, agreeOn } from '../../src/testing/agreement/agreement.ts'
import { generateScript } from '../../src/testing/agreement/generate.ts'
import type { StoreHarness } from '../../src/testing/conformance/harness.ts'
import type { Script } from '../../src/testing/agreement/script.ts'

const kept = join(import.meta.dirname, 'regressions')
const regressions = Object.fromEntries(
  globSync('*.json', { cwd: kept }).map((file) => [
    basename(file, '.json'),
    JSON.parse(readFileSync(join(kept, file), 'utf8')) as Script,
  ]),
)

const folder = mkdtempSync(join(tmpdir(), 'errand-agreement-'))
let files = 0

const memory: StoreHarness = { name: 'memory', open: async (env) => new MemoryStore({ env }) }
const sqlite: StoreHarness = {
  name: 'sqlite',
  open: async (env) => new SqliteStore({ path: join(folder, `${++files}.db`), env }),
}
after(() => rmSync(folder, { recursive: true }))

agreement(memory, sqlite, { regressions })

/** Shrunk by `agreeOn`, which knows what a simpler command is. */
const anyScript = fc
  .infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }))
  .map((chances) => generateScript(() => chances.next().value, 250))

test('memory and sqlite agree on whatever fast-check makes up', async () => {
  await fc.assert(
    fc.asyncProperty(anyScript, (script) => agreeOn(memory, sqlite, script)),
    { numRuns: 15, endOnFailure: true, seed: Number(process.env.SEED ?? 1) },
  )
})
