import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { agreement } from '../../src/testing/agreement/agreement.ts'
import type { ManualEnv } from '../../src/testing/manual-env.ts'
import type { Script } from '../../src/testing/agreement/script.ts'
import { findPostgres } from '../servers.ts'
import { postgresStores } from './postgres-stores.ts'

const kept = join(import.meta.dirname, 'regressions')
const regressions = Object.fromEntries(
  globSync('*.json', { cwd: kept }).map((file) => [
    basename(file, '.json'),
    JSON.parse(readFileSync(join(kept, file), 'utf8')) as Script,
  ]),
)

const program = await findPostgres()
const seeds = { scripts: Number(process.env.SCRIPTS ?? 5), seed: Number(process.env.SEED ?? 1) }
const memory = { name: 'memory', open: async (env: ManualEnv) => new MemoryStore({ env }) }

if (program) agreement(memory, await postgresStores(program), { ...seeds, regressions })
else test('memory and postgres agree', { skip: 'no PostgreSQL server' }, () => {})
