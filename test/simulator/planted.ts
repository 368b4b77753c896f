/**
 * The mutation bench: plants a known bug in a copy of the sources, and plays histories on the copy until one breaks.
 *
 * The simulator is as good as the share of bugs that it catches. A bug that escapes is a gap in it, never a
 * reason to make the bug cruder. What a file of planted/ looks like is said in planted/README.md.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { inChild, unawaited } from './campaign.ts'
import { engines, type Engine } from './place.ts'

export interface Planted {
  readonly name: string
  readonly what: string
  readonly engine: Engine
  readonly edits: readonly Edit[]
}

interface Edit {
  readonly file: string
  readonly from: string
  readonly to: string
}

export interface Caught {
  readonly planted: Planted
  /** How many histories it took; undefined where it escaped. */
  readonly seeds: number | undefined
  readonly told: string
}

const here = new URL('.', import.meta.url).pathname
const root = join(here, '../..')

export function readPlanted(folder: string = join(here, 'planted')): (Planted & { readonly misfits: string[] })[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.txt'))
  return files
    .toSorted()
    .map((file) => withMisfits(parsePlanted(file.replace(/\.txt$/, ''), readFileSync(join(folder, file), 'utf8'))))
}

/** The sources have changed where its text is not there once. */
function withMisfits(planted: Planted): Planted & { readonly misfits: string[] } {
  const misfits = planted.edits.filter(({ file, from }) => times(join(root, file), from) !== 1)

  return { ...planted, misfits: misfits.map(({ file, from }) => `${file} does not contain once:\n${from}`) }
}

const times = (path: string, text: string) => readFileSync(path, 'utf8').split(text).length - 1

/** Lines `What:` and `Engine:`, then for each edit `File:` and the text before and after between marks. */
export function parsePlanted(name: string, text: string): Planted {
  const field = (label: string) => new RegExp(`^${label}: *(.*)$`, 'm').exec(text)?.[1]?.trim()
  const engine = engines.find((each) => each === (field('Engine') ?? 'memory'))
  const edits = [...text.matchAll(/^File: *(.*)\n<{7}\n([\s\S]*?)\n={7}\n([\s\S]*?)\n?>{7}$/gm)].map(
    ([, file, from, to]) => ({ file: file!.trim(), from: from!, to: to! }),
  )
  if (!engine || edits.length === 0) throw new Error(`planted/${name}.txt has no edit, or names an unknown engine.`)

  return { name, what: field('What') ?? name, engine, edits }
}

export async function benchPlanted({ seeds, only }: { seeds: number; only: string }): Promise<boolean> {
  const all = readPlanted().filter(({ name }) => name.includes(only))
  for (const { name, misfits } of all) for (const misfit of misfits) console.log(`${name} does not fit: ${misfit}`)
  const waiting = all.filter(({ misfits }) => misfits.length === 0)
  const results: Caught[] = []
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const result = await catchPlanted(next, seeds)
      results.push(result)
      const after = result.seeds === undefined ? 'ESCAPED' : `caught after ${result.seeds}`
      console.log(`${next.name.padEnd(44)} ${next.engine.padEnd(7)} ${after.padEnd(20)} ${result.told.slice(0, 100)}`)
    }
  }
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work))
  const escaped = results.filter((result) => result.seeds === undefined)
  const caught = results.length - escaped.length
  console.log(`\n${caught} of ${all.length} planted bugs were caught within ${seeds} histories.`)
  for (const { planted } of escaped) console.log(`  escaped: ${planted.name}: ${planted.what}`)

  return caught >= all.length * 0.9
}

/** SQLite's histories cost some fifteen times those in memory. */
const seedsOf = (engine: Engine, seeds: number) => (engine === 'sqlite' ? Math.ceil(seeds / 5) : seeds)

export async function catchPlanted(planted: Planted, seeds: number): Promise<Caught> {
  const folder = plant(planted)
  try {
    const most = seedsOf(planted.engine, seeds)
    const summary = await inChild(
      { first: 1, seeds: most, engine: planted.engine, untilCaught: true },
      join(folder, 'test/simulator'),
    )
    const [broken] = summary.broken
    return { planted, seeds: broken && summary.seeds, told: broken ? `${broken.promise}: ${broken.what}` : '' }
  } catch (error) {
    const told = (error as Error).message
    // An error that nobody waits for would end a process, and does; any other means that the bug is none.
    return { planted, seeds: told.includes(unawaited) ? 1 : undefined, told }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A copy of what the simulator runs on, with the bug in it. */
function plant({ edits }: Planted): string {
  const folder = mkdtempSync(join(tmpdir(), 'errand-planted-'))
  for (const part of ['src', 'test/simulator', 'package.json'])
    cpSync(join(root, part), join(folder, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const { file, from, to } of edits) {
    const path = join(folder, file)
    const text = readFileSync(path, 'utf8').replace(from, () => to)
    writeFileSync(path, text)
  }
  return folder
}
