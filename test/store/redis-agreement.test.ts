import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { agreement, disagreement } from '../../src/testing/agreement/agreement.ts'
import { generateScript } from '../../src/testing/agreement/generate.ts'
import type { Script } from '../../src/testing/agreement/script.ts'
import type { StoreHarness } from '../../src/testing/conformance/harness.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { findRedis } from '../servers.ts'
import { redisHarness } from './redis-harness.ts'

const kept = join(import.meta.dirname, 'regressions')
const regressions = Object.fromEntries(
  globSync('*.json', { cwd: kept }).map((file) => [
    basename(file, '.json'),
    JSON.parse(readFileSync(join(kept, file), 'utf8')) as Script,
  ]),
)
const memory: StoreHarness = { name: 'memory', open: async (env) => new MemoryStore({ env }) }
const seeds = { scripts: Number(process.env.SCRIPTS ?? 20), seed: Number(process.env.SEED ?? 1) }
const program = await findRedis()

if (program !== undefined) {
  agreement(memory, await redisHarness(program), { ...seeds, regressions })
  await unheard(program)
  await elsewhere(program)
}

/** While nobody listens to events, plain jobs and steps go a shorter way. */
async function unheard(program: string) {
  const redis = await redisHarness(program)

  describe('memory and redis agree while nobody listens', () => {
    after(() => redis.cleanup?.())
    for (let seed = seeds.seed; seed < seeds.seed + seeds.scripts / 2; seed++) {
      test(`on random script ${seed}`, async () => {
        const env = new ManualEnv({ seed })
        const script = generateScript(() => env.random(), 250).filter((command) => command.do !== 'events')

        assert.equal(await disagreement(memory, redis, script), undefined)
      })
    }
  })
}

/** Ids that begin with a time lie apart by that time, and ids of another form in one place. */
async function elsewhere(program: string) {
  const redis = await redisHarness(program)

  describe('memory and redis agree on ids of several moments', () => {
    after(() => redis.cleanup?.())
    for (let seed = seeds.seed; seed < seeds.seed + seeds.scripts / 2; seed++) {
      test(`on random script ${seed}`, async () => {
        const env = new ManualEnv({ seed })
        const script = generateScript(() => env.random(), 250)
        const heard = seed % 2 === 0 ? script : script.filter((command) => command.do !== 'events')

        assert.equal(await disagreement(memory, redis, withTimes(heard)), undefined)
      })
    }
  })
}

/** Every third id keeps its form; the others become UUIDs of their own second. */
function withTimes(script: Script): Script {
  return JSON.parse(
    JSON.stringify(script).replaceAll(/"j(\d+)"/g, (name, digits: string) => {
      const number = Number(digits)
      const moment = (1_750_000_000_000 + number * 1000).toString(16).padStart(12, '0')
      const last = digits.padStart(12, '0')
      return number % 3 === 0 ? name : `"${moment.slice(0, 8)}-${moment.slice(8)}-7000-8000-${last}"`
    }),
  ) as Script
}
