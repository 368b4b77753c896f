/** Steps that are plain otherwise go a shorter way: scripts in which there is little else, and all that may become of them. */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { NewJob } from '../../src/store/store.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { disagreement } from '../../src/testing/agreement/agreement.ts'
import { generateScript } from '../../src/testing/agreement/generate.ts'
import type { Command, Script, ScriptedSettlement } from '../../src/testing/agreement/script.ts'
import type { StoreHarness } from '../../src/testing/conformance/harness.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { findRedis } from '../servers.ts'
import { redisHarness } from './redis-harness.ts'

const scripts = Number(process.env.SCRIPTS ?? 15)
const firstSeed = Number(process.env.SEED ?? 1)
const memory: StoreHarness = { name: 'memory', open: async (env) => new MemoryStore({ env }) }
const program = await findRedis()

if (program !== undefined) {
  const redis = await redisHarness(program)

  describe('memory and redis agree on steps', () => {
    after(() => redis.cleanup?.())
    for (let seed = firstSeed; seed < firstSeed + scripts; seed++) {
      test(`in random script ${seed}`, async () => {
        assert.equal(await disagreement(memory, redis, stepScript(seed)), undefined)
      })
    }
  })
}

function stepScript(seed: number): Script {
  const env = new ManualEnv({ seed })
  const chance = (part: number) => env.random() < part
  const rare = new Set(['change', 'cancel', 'remove', 'release', 'pause', 'limit', 'jump', 'leave'])

  return generateScript(() => env.random(), 300)
    .filter((command) => command.do !== 'events' && !(rare.has(command.do) && chance(0.7)))
    .map((command): Command => {
      if (command.do === 'insert')
        return { ...command, calls: command.calls.map((call) => call.map((job) => thinned(job, chance))) }
      if (command.do !== 'turn') return command
      const givenBack = chance(0.8) ? [] : command.givenBack
      return { ...command, givenBack, settled: command.settled.map((each) => well(each, chance)) }
    })
}

function thinned(job: NewJob, chance: (part: number) => boolean): NewJob {
  const number = Number(/^j(\d+)$/.exec(job.id)?.[1] ?? 0)
  if (number < 1 || chance(0.1)) return job
  const { id, task, queue, rank, input, keepSucceededMs, keepFailedMs, tags } = job
  const on = [1, 2, 3, 4, 5].filter((back) => back <= number && chance(0.3)).map((back) => `j${number - back}`)
  const otherwise = chance(0.5) ? 'run' : 'cancel'
  const plain = { id, task, queue, rank, input, keepSucceededMs, keepFailedMs, ...(tags && { tags }) }

  return on.length > 0 ? { ...plain, after: { on, otherwise } } : plain
}

function well(settlement: ScriptedSettlement, chance: (part: number) => boolean): ScriptedSettlement {
  if (chance(0.25)) return settlement
  return { claim: settlement.claim, ranMs: settlement.ranMs, outcome: { kind: 'succeeded', result: '{"r":1}' } }
}
