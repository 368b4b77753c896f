/** Celery's crontab, from Debian's package, as a second opinion on when rules fire. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { install, mayInstall } from '../servers.ts'

export interface Case {
  readonly cron: string
  readonly zone: string
  readonly from: number
  readonly count: number
}

const debianPackage = 'python3-celery'

/** A Python that has Celery. Undefined where there is none, in CI too: it is an opinion, and no engine hangs on it. */
export function findCelery(): string | undefined {
  const python = installed() ?? (mayInstall() && install(debianPackage) ? installed() : undefined)
  if (python === undefined)
    console.error(
      `SKIPPING the comparison with Celery: no Python here has it. Set PYTHON, or install ${debianPackage}.`,
    )

  return python
}

/** Debian's own Python has Debian's packages, but another may come first on the PATH. */
function installed(): string | undefined {
  const programs = [process.env['PYTHON'], 'python3', '/usr/bin/python3'].filter((program) => program !== undefined)

  return programs.find((program) => spawnSync(program, ['-c', 'import celery']).status === 0)
}

/** The moments at which Celery fires, for each of the cases. */
export function askCelery(python: string, cases: readonly Case[]): number[][] {
  return ask(python, { cases, probes: [] }).ticks
}

/** How far from UTC its time zones are at these moments: they come from another release of the database, perhaps. */
export function askOffsets(python: string, probes: readonly { zone: string; at: number }[]): number[] {
  return ask(python, { cases: [], probes }).offsets
}

function ask(python: string, asked: object): { ticks: number[][]; offsets: number[] } {
  const { stdout, stderr, status } = spawnSync(python, [join(import.meta.dirname, 'celery-crontab.py')], {
    input: JSON.stringify(asked),
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  })
  if (status !== 0) throw new Error(`Celery could not say: ${stderr}`)

  return JSON.parse(stdout) as { ticks: number[][]; offsets: number[] }
}
