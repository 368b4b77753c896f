/**
 * Whether two engines agree: random scripts over every member of the contract are played
 * on both, each in its own world from the same seed, and every answer is compared.
 */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { Store } from '../../store/store.ts'
import type { StoreHarness } from '../conformance/harness.ts'
import { ManualEnv } from '../manual-env.ts'
import { generateScript } from './generate.ts'
import { calls, Player, unscripted } from './player.ts'
import type { Script } from './script.ts'
import { shrink } from './shrink.ts'

export interface AgreementOptions {
  /** Random scripts to play. @default 20 */
  readonly scripts?: number
  /** Commands of each. @default 250 */
  readonly length?: number
  /** The first seed; each script takes the next. @default 1 */
  readonly seed?: number
  /** Scripts that have once found a disagreement, by name. */
  readonly regressions?: Readonly<Record<string, Script>>
}

export function agreement(one: StoreHarness, other: StoreHarness, options: AgreementOptions = {}): void {
  const { scripts = 20, length = 250, seed = 1, regressions = {} } = options

  describe(`${one.name} and ${other.name} agree`, () => {
    after(async () => {
      for (const harness of [one, other]) await harness.cleanup?.()
    })

    for (const harness of [one, other]) {
      test(`every member of the ${harness.name} store has its part in the scripts`, () => everyMemberIsPlayed(harness))
    }
    for (const [name, script] of Object.entries(regressions)) {
      test(`on the script ${name}`, async () => assert.equal(await disagreement(one, other, script), undefined))
    }
    for (let index = 0; index < scripts; index++) {
      test(`on random script ${seed + index}`, () => agreeOn(one, other, seededScript(seed + index, length)))
    }
  })
}

/** The same seed gives the same script. */
export function seededScript(seed: number, length: number): Script {
  const env = new ManualEnv({ seed })
  return generateScript(() => env.random(), length)
}

/** Where two engines first answer differently; undefined if nowhere. */
export async function disagreement(
  one: StoreHarness,
  other: StoreHarness,
  script: Script,
): Promise<string | undefined> {
  const players = await Promise.all([one, other].map(openPlayer))
  try {
    for (const [index, command] of script.entries()) {
      const answers = await Promise.all(players.map((player) => answerOf(player, command)))
      if (answers[0] === answers[1]) continue
      return `Command ${index}, ${JSON.stringify(command)}:\n${difference(one.name, answers[0]!, other.name, answers[1]!)}`
    }
    return undefined
  } finally {
    await Promise.all(players.map((player) => player.end()))
  }
}

async function openPlayer(harness: StoreHarness): Promise<Player> {
  const env = new ManualEnv()
  return new Player(await harness.open(env), env)
}

/** An error is an answer too. */
async function answerOf(player: Player, command: Script[number]): Promise<string> {
  try {
    return await player.play(command)
  } catch (error) {
    return `threw ${String(error)}`
  }
}

/** Fails with the shortest script it can find on which they disagree. */
export async function agreeOn(one: StoreHarness, other: StoreHarness, script: Script): Promise<void> {
  if ((await disagreement(one, other, script)) === undefined) return

  const short = await shrink(script, async (candidate) => (await disagreement(one, other, candidate)) !== undefined)
  const why = await disagreement(one, other, short)
  assert.fail(`${why}\nKeep this script as a regression:\n${JSON.stringify(short, undefined, 1)}`)
}

/** The parts of two answers that differ; all of a large state would hide them. */
function difference(oneName: string, one: string, otherName: string, other: string): string {
  try {
    const lines = differences(JSON.parse(one), JSON.parse(other), '')
    return lines.map(([path, a, b]) => `${path || 'answer'}\n  ${oneName}: ${a}\n  ${otherName}: ${b}`).join('\n')
  } catch {
    return `  ${oneName}: ${one}\n  ${otherName}: ${other}`
  }
}

function differences(one: unknown, other: unknown, path: string): [string, string, string][] {
  const [a, b] = [JSON.stringify(one) ?? 'absent', JSON.stringify(other) ?? 'absent']
  if (a === b) return []
  if (!isObject(one) || !isObject(other)) return [[path, a, b]]
  const keys = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...keys].flatMap((key) => differences(one[key], other[key], `${path}.${key}`))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

async function everyMemberIsPlayed(harness: StoreHarness) {
  const store = await harness.open(new ManualEnv())
  const played: readonly string[] = [...Object.keys(calls), ...unscripted]

  const missing = membersOf(store).filter((member) => !played.includes(member))
  await store.close()

  assert.deepEqual(missing, [], 'members of the contract without a command')
}

/** What can be called on a store, read off the store itself. */
function membersOf(store: Store): string[] {
  return [...methodsOf(store), ...methodsOf(store.schedules).map((name) => `schedules.${name}`)]
}

function methodsOf(object: object): string[] {
  const names = new Set<string>()
  for (let level = object; level !== Object.prototype; level = Object.getPrototypeOf(level) as object) {
    for (const name of Object.getOwnPropertyNames(level)) names.add(name)
  }
  names.delete('constructor')
  return [...names].filter((name) => typeof Reflect.get(object, name) === 'function')
}
