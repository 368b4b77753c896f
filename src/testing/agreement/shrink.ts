/** Cuts a failing script down: ever smaller pieces are left out while it goes on failing, then single fields. */
import type { Command, Script } from './script.ts'

export async function shrink(
  script: Script,
  fails: (script: Script) => Promise<boolean>,
  tries = 1_500,
): Promise<Script> {
  let left = tries
  const stillFails = async (candidate: Script) => left-- > 0 && (await fails(candidate))

  const short = await leaveOut(script, stillFails)
  return simplify(short, stillFails)
}

async function leaveOut<T>(
  items: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  for (let size = Math.ceil(items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = items.length - size; from > -size; from -= size) {
      const candidate = [...items.slice(0, Math.max(0, from)), ...items.slice(Math.max(0, from) + size)]
      if (candidate.length < items.length && (await fails(candidate))) items = candidate
    }
  }
  return items
}

async function simplify(script: Script, fails: (script: Script) => Promise<boolean>): Promise<Script> {
  for (let index = 0; index < script.length; index++) {
    for (let again = true; again;) {
      again = false
      for (const simpler of simplerThan(script[index]!)) {
        const candidate = script.with(index, simpler as Command)
        if (!(await fails(candidate))) continue
        script = candidate
        again = true
        break
      }
    }
  }
  return script
}

/** Fields without which a command is still a command of its kind. */
const optional = [
  'due',
  'expires',
  'once',
  'unique',
  'lane',
  'rate',
  'after',
  'held',
  'tags',
  'metadata',
  'version',
  'redact',
  'onSucceeded',
  'onFailed',
  'followUps',
  'keepsSlot',
  'closesRateMs',
  'ordered',
  'delayMs',
  'lost',
  'rank',
  'input',
  'job',
]
const required: Record<string, readonly string[]> = {
  insert: ['rank', 'input'],
  turn: ['rank', 'input'],
  'schedules.fire': ['rank', 'input'],
}

function* simplerThan(value: unknown, path = ''): Generator<unknown> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      if (value.length > 0) yield value.toSpliced(index, 1)
      for (const simpler of simplerThan(item, path)) yield value.with(index, simpler)
    }
  } else if (typeof value === 'object' && value !== null) {
    const kind = 'do' in value ? String(value.do) : path
    for (const [name, item] of Object.entries(value)) {
      if (optional.includes(name) && !required[kind]?.includes(name)) yield without(value, name)
      for (const simpler of simplerThan(item, kind)) yield { ...value, [name]: simpler }
    }
  }
}

function without(value: object, name: string): object {
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== name))
}
